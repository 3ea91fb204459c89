export { type MissedTicks, type ScheduleDefinition, type ScheduleRule } from "./definition.js";
export { type Schedule } from "./schedule-board.js";
export { type ScheduleRecord } from "./schedule-record.js";
export { ScheduleChannel, type ScheduleChannelOptions } from "./schedule-channel.js";
export { Schedules } from "./schedules.js";
export { Scheduler, type SchedulerOptions } from "./scheduler.js";
