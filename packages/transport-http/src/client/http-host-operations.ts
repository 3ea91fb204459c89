import {
  deepFreeze,
  type CancelOptions,
  type ChannelHostPort,
  type ClearFilter,
  type CursorOptions,
  type CursorPage,
  type CursorsOptions,
  type DeadLettersOptions,
  type DeadMessage,
  type GroupRegime,
  type HistoryOptions,
  type JobInfo,
  type JobPage,
  type JobSelection,
  type JobsOptions,
  type LogCounts,
  type LogStats,
  type OrderResult,
  type Positions,
  type ReadResult,
  type RegimeOptions,
  type RequeueOptions,
  type RescheduleOptions,
  type RetentionPolicy,
  type ScanOptions,
  type ScanResult,
  type SettleOptions,
} from "@sssn/core";
import { queryText } from "./channel-url.js";
import { isList } from "./request-forms.js";

/** What those may do with a channel of another process who run it: observers and admins. */
export abstract class HttpHostOperations<Content> implements ChannelHostPort<Content> {
  protected abstract get<Result>(path: string): Promise<Result>;
  protected abstract post<Result>(path: string, body: unknown): Promise<Result>;

  async history(_adminId: string, options: HistoryOptions = {}): Promise<ReadResult<Content>> {
    return deepFreeze(await this.get<ReadResult<Content>>(`/history${queryText({ ...options })}`));
  }

  async scan(_adminId: string, options: ScanOptions = {}): Promise<ScanResult<Content>> {
    return deepFreeze(await this.post<ScanResult<Content>>("/scan", options));
  }

  locate(_adminId: string, { timestamp }: { readonly timestamp: number }): Promise<Positions & { readonly position: number }> {
    return this.get(`/locate${queryText({ timestamp })}`);
  }

  stats(_adminId?: string): Promise<LogStats> {
    return this.get("/stats");
  }

  counts(_adminId?: string): Promise<LogCounts> {
    return this.get("/counts");
  }

  cursors(_adminId: string, options: CursorsOptions = {}): Promise<CursorPage> {
    return this.get(`/cursors${queryText({ ...options })}`);
  }

  async clear(adminId: string, filter?: ClearFilter<Content>): Promise<number> {
    if (!filter) return (await this.post<{ removed: number }>("/clear", {})).removed;
    // A function can't travel: what it accepts is found here and removed by id.
    let [removed, after] = [0, 0];
    for (;;) {
      const page = await this.history(adminId, { after, limit: 1_000 });
      const ids = page.messages.filter(filter).map(({ id }) => id);
      if (ids.length > 0) removed += await this.remove(adminId, ids);
      if (page.messages.length === 0) return removed;
      after = page.position;
    }
  }

  async evict(_adminId: string, policy: RetentionPolicy = {}): Promise<number> {
    return (await this.post<{ removed: number }>("/evict", policy)).removed;
  }

  async remove(_adminId: string, ids: readonly string[]): Promise<number> {
    return (await this.post<{ removed: number }>("/remove", { ids })).removed;
  }

  async deadLetters(_adminId: string, options: DeadLettersOptions = {}): Promise<readonly DeadMessage[]> {
    return deepFreeze((await this.get<{ messages: DeadMessage[] }>(`/dead-letters${queryText({ ...options })}`)).messages);
  }

  async deleteGroup(_adminId: string, group: string): Promise<boolean> {
    return (await this.post<{ existed: boolean }>("/groups/delete", { group })).existed;
  }

  async deleteCursor(_adminId: string, readerId: string, options: CursorOptions = {}): Promise<boolean> {
    return (await this.post<{ existed: boolean }>("/cursors/delete", { readerId, ...options })).existed;
  }

  async requeue(_adminId: string, options: RequeueOptions = {}): Promise<number> {
    return (await this.post<{ requeued: number }>("/requeue", options)).requeued;
  }

  async setRegime(_adminId: string, regime: GroupRegime, options: RegimeOptions = {}): Promise<void> {
    await this.post("/groups/regime", { regime, ...options });
  }

  cancel(_adminId: string, which: readonly string[] | JobSelection, options: CancelOptions = {}): Promise<readonly OrderResult[]> {
    return this.#order("cancel", { ...(isList(which) ? { ids: which } : which), ...options });
  }

  reschedule(_adminId: string, ids: readonly string[], options: RescheduleOptions = {}): Promise<readonly OrderResult[]> {
    return this.#order("reschedule", { ids, ...options });
  }

  async #order(what: string, body: unknown): Promise<readonly OrderResult[]> {
    return (await this.post<{ results: OrderResult[] }>(`/jobs/${what}`, body)).results;
  }

  job(_adminId: string, id: string, options: SettleOptions = {}): Promise<JobInfo> {
    return this.get(`/job${queryText({ id, ...options })}`);
  }

  jobs(_adminId: string, options: JobsOptions): Promise<JobPage> {
    return this.get(`/jobs${queryText({ ...options })}`);
  }
}
