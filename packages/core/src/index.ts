export {
  ERRORS,
  SSSNError,
  describe,
  errorOfParts,
  isErrorCode,
  isSSSNError,
  toError,
  type ErrorCode,
  type ErrorDetails,
} from "./errors.js";
export { ANNOTATIONS, statementOf } from "./annotations.js";
export { MAX_JSON_DEPTH, deepFreeze, freezeJson, freezeJsonWithin, jsonEquals } from "./json.js";
export { type JsonValue } from "./json-value.js";
export { IDENTIFIER, MAX_IDENTIFIER_LENGTH, validateIdentifier, validateInteger } from "./identifiers.js";
export { NO_METADATA, Visibility, type ChannelMessage, type MessageDraft, type Metadata, type WriteReceipt } from "./message.js";
export { consoleLogger, guardLogger, silentLogger, type LogFields, type Logger } from "./logger.js";
export { SteadyClock, sleep, systemClock, type Cancel, type Clock } from "./clock.js";
export { refuseUnknownOptions } from "./options.js";
export { InsideCall } from "./inside-call.js";
export { TOO_LATE, within } from "./within.js";
export { ForeignAddress, type ForeignEndpoint } from "./foreign-address.js";
export { EventSource } from "./events.js";
export { linkSignals, type LinkedSignal } from "./link-signals.js";
export { Ticker } from "./ticker.js";

export type * from "./ports/message-store.js";
export { CHANNEL_KINDS } from "./ports/channel-port.js";
export type * from "./ports/channel-port.js";
export type * from "./ports/channel-transport.js";
export {
  HOST_OPERATIONS,
  OPERATION_ROLES,
  ROLES,
  roleAllows,
  roleCovers,
  type ChannelOperation,
  type HostOperation,
  type Role,
} from "./ports/roles.js";
export type { ChannelSecurity, Principal, TokenRequest } from "./ports/channel-security.js";

export { MemoryMessageStore, type MemoryStoreOptions } from "./memory-store/memory-message-store.js";
export { OpenSecurity } from "./security/open-security.js";
export { ACLSecurity } from "./security/acl-security.js";
export { insufficientRole, invalidToken } from "./security/refusals.js";

export { BaseChannel } from "./channels/base-channel.js";
export { ChannelLifecycle, type ChannelDrainReport, type ChannelErrorPhase, type ChannelState } from "./channels/channel-lifecycle.js";
export { type ChannelOptions } from "./channels/channel-options.js";
export {
  defineChannel,
  type ChannelContract,
  type ChannelReference,
  type ContractChannelOptions,
  type ContractDefinition,
  type ContractKind,
  type WrittenTo,
} from "./channels/channel-contract.js";
export { type ContinuedError } from "./channels/errors-seen.js";
export { type StandardSchema } from "./channels/standard-schema.js";
export { Delivery, commitDelivered, type Delivered, type DeliveryHost } from "./channels/reading/delivery.js";
export { LatestOnly } from "./channels/reading/latest-only.js";
export { LocalSubscription, type SubscriptionParts } from "./channels/reading/subscription.js";
export { PassthroughChannel } from "./channels/kinds/passthrough-channel.js";
export { BroadcastChannel, type BroadcastOptions } from "./channels/kinds/broadcast-channel.js";
export { MailboxChannel } from "./channels/kinds/mailbox-channel.js";
export { WorkQueueChannel, type WorkQueueOptions } from "./channels/kinds/work-queue-channel.js";
export { MAX_CLAIMS, MAX_DELAY_MS, MAX_LEASE_MS, MAX_PROGRESS_BYTES, MAX_WAIT_MS, MIN_LEASE_MS } from "./channels/work/claim-bounds.js";
export { MAX_BATCH } from "./channels/drafts.js";
export { MAX_CURSORS } from "./channels/host-operations.js";
export { MAX_READ_LIMIT } from "./channels/reading/log-reading.js";
export { UNSUPPORTED_OPERATIONS, supports } from "./channels/unsupported-operations.js";
export { PeriodicChannel, type PeriodicOptions } from "./channels/kinds/periodic-channel.js";
export { type JobContext, type JobHandler } from "./channels/work/job.js";
export { type BatchHandler, type BatchedJob } from "./channels/work/batching.js";
export { resultIdOf, resultOf, type ResultOf, type ResultOptions } from "./channels/work/results.js";
export { work, type BatchWorkOptions } from "./channels/work/work.js";
export { MAX_ORDERS } from "./channels/work/work-orders.js";
export { DEFAULT_PRIORITY, MAX_PRIORITY } from "./log-state/work-lane.js";
export type { JobEvent, WorkOptions, WorkerReport } from "./channels/work/work-options.js";
export { Worker } from "./channels/work/worker.js";

export { LogReader, type LogIndex } from "./client/log-reader.js";
export { HostsLog, type HostsLogParts } from "./hosts/hosts-log.js";
export { ChannelClient, type ChannelResolver } from "./client/channel-client.js";
export {
  Requester,
  answer,
  type AnswerOptions,
  type ReplyChannelResolver,
  type RequestOptions,
  type RequesterOptions,
} from "./client/requester.js";

export { BaseSystem, type StepContext, type SystemOptions } from "./systems/base-system.js";
export { type StepReport } from "./systems/step-record.js";
export { defineSystem, type SystemDefinition } from "./systems/define-system.js";
export { type CapabilityHandler, type ExposeOptions } from "./systems/capabilities.js";
export { SystemState, type ManagedSystem, type RunOptions, type ShutdownReport } from "./systems/managed-system.js";
export { type PublishOptions, type RunningSystem } from "./systems/deployment.js";
export { runAsProgram, type ProgramHost, type ProgramOptions } from "./systems/run-as-program.js";
export { topologyWithin, type Topology, type TopologyParts, type TopologyRevision, type TopologySource } from "./systems/topology.js";
