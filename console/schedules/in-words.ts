const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const months = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
];

/** A cron expression as one would say it: `0 7 * * 1-5` is "at 07:00, Monday to Friday". Empty where it is none. */
export function inWords(cron: string): string {
  const fields = cron.trim().split(/\s+/);
  const [second, minute, hour, day, month, weekday] = fields.length === 5 ? ["0", ...fields] : fields;
  if (!second || !minute || !hour || !day || !month || !weekday) return "";
  const when = [timeOf(second, minute, hour), dayOf(day, weekday)];
  if (month !== "*") when.push(`in ${listed(month, (name) => nameOf(name, months, 1))}`);
  return when.filter(Boolean).join(", ");
}

function timeOf(second: string, minute: string, hour: string): string {
  const exact = [hour, minute, second].every((field) => /^\d+$/.test(field));
  const isShort = second === "0";
  if (exact) return `at ${clock(hour, minute)}${isShort ? "" : `:${second.padStart(2, "0")}`}`;
  const seconds = isShort ? "" : unitOf(second, "second");
  if (isShort && /^\d+$/.test(minute) && /^[\d,]+$/.test(hour))
    return `at ${listed(hour, (one) => clock(one, minute))}`;
  const hours =
    hour === "*" ? "" : /^\*\/\d+$/.test(hour) ? unitOf(hour, "hour") : `from hour ${listed(hour, String)}`;
  if (isShort && minute === "0" && hour.startsWith("*")) return hours || "every hour";
  return [seconds, unitOf(minute, "minute"), hours].filter(Boolean).join(", ");
}

function unitOf(field: string, unit: string): string {
  if (field === "*") return `every ${unit}`;
  const [, step] = /^\*\/(\d+)$/.exec(field) ?? [];
  if (step) return step === "1" ? `every ${unit}` : `every ${step} ${unit}s`;
  return `at ${unit} ${listed(field, String)}`;
}

function dayOf(day: string, weekday: string): string {
  const onDay = day === "L" ? "on the last day of the month" : `on day ${listed(day, String)} of the month`;
  const onWeekday = listed(weekday, (name) => nameOf(name, days, 0));
  if (day === "*") return weekday === "*" ? "" : onWeekday;
  return weekday === "*" ? onDay : `${onDay} or ${onWeekday}`;
}

/** `1-5,7` as "Monday to Friday and Sunday". */
function listed(field: string, say: (one: string) => string): string {
  const parts = field.split(",").map((part) => part.split("-").map(say).join(" to "));
  const last = parts.pop()!;
  return parts.length === 0 ? last : `${parts.join(", ")} and ${last}`;
}

function nameOf(field: string, names: string[], first: number): string {
  const known = names.find((name) => name.slice(0, 3).toUpperCase() === field.toUpperCase());
  return known ?? (/^\d+$/.test(field) ? names[Number(field) - first] : undefined) ?? field;
}

function clock(hour: string, minute: string): string {
  return `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
}
