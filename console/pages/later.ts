// What comes after the first page, loaded when the first of these is opened.
export { ComparePage } from "./compare.tsx";
export { ConversationsPage } from "./conversations.tsx";
export { InboxPage } from "./inbox.tsx";
export { JobPage } from "./job.tsx";
export { MetricsPage } from "./metrics.tsx";
export { NewJobPage } from "./new-job.tsx";
export { SchedulesPage } from "./schedules.tsx";
