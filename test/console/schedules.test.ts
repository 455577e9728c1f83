import { expect, test } from "vitest";
import { inWords } from "../../console/schedules/in-words.ts";

test.for([
  ["0 7 * * MON-FRI", "at 07:00, Monday to Friday"],
  ["30 6,18 * * *", "at 06:30 and 18:30"],
  ["*/15 * * * *", "every 15 minutes"],
  ["0 * * * *", "every hour"],
  ["0 */6 * * *", "every 6 hours"],
  ["*/5 9-17 * * 1,3", "every 5 minutes, from hour 9 to 17, Monday and Wednesday"],
  ["0 0 1 JAN,7 *", "at 00:00, on day 1 of the month, in January and July"],
  ["0 0 L * *", "at 00:00, on the last day of the month"],
  ["0 0 13 * FRI", "at 00:00, on day 13 of the month or Friday"],
  ["*/10 * * * * *", "every 10 seconds, every minute"],
  ["15 0 7 * * *", "at 07:00:15"],
  ["nonsense", ""],
] as const)("%s is %s", ([cron, words]) => {
  expect(inWords(cron)).toBe(words);
});
