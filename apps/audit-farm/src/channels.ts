import { defineChannel, type BaseChannel, type ChannelContract, type ChannelSecurity, type MessageStore } from "sssn";
import type { PackageAudit } from "./audit/audit-package.js";
import type { PackageTask } from "./tree/package-task.js";

/** The channels of one audit, known to every process that takes part. */
export interface AuditContracts {
  /** What is to be audited. */
  readonly packages: ChannelContract<PackageTask>;
  /** What was found out, one message a package. */
  readonly findings: ChannelContract<PackageAudit>;
  /** Copies of the packages that nobody could audit. */
  readonly failures: ChannelContract<PackageTask>;
}

/** The channels of one audit, where they live. */
export interface AuditChannels {
  readonly packages: BaseChannel<PackageTask>;
  readonly findings: BaseChannel<PackageAudit>;
  readonly failures: BaseChannel<PackageTask>;
}

/** So often a package is tried. */
const MOST_DELIVERIES = 5;
/** A folder that is being written to may be readable a moment later. */
const REST_AFTER_FAILURE = { initialMs: 100, factor: 2, maxMs: 1_000 };

/** @param run names the audit: audits of different trees have nothing in common. */
export function auditContracts(run: string): AuditContracts {
  return {
    packages: defineChannel<PackageTask>({ id: `audit.${run}.packages`, kind: "work-queue" }),
    findings: defineChannel<PackageAudit>({ id: `audit.${run}.findings`, kind: "broadcast" }),
    failures: defineChannel<PackageTask>({ id: `audit.${run}.failures`, kind: "broadcast" }),
  };
}

/** Makes the channels in a store. Every process that opens the store itself says the same of them. */
export function auditChannels(run: string, store: MessageStore, security?: ChannelSecurity): AuditChannels {
  const { packages, findings, failures } = auditContracts(run);
  const known = { store, visibility: "public" as const, ...(security ? { security } : {}) };
  const failed = failures.create(known);
  return {
    failures: failed,
    findings: findings.create(known),
    packages: packages.create({ ...known, maxDeliveries: MOST_DELIVERIES, backoff: REST_AFTER_FAILURE, deadLetter: failed }),
  };
}
