import { SSSNError, errorOfParts, isSSSNError, toError, type ChannelMessage, type ErrorDetails } from "@sssn/core";

/** What a handler in a thread is given besides the message. It has no signal: when its job ends, so does its thread. */
export interface ThreadContext {
  /** 1 on the first delivery. */
  readonly deliveries: number;
  readonly receipt: string;
  /** Trying again is useless: when the handler has ended, the message goes to the dead letters with this reason. */
  deadLetter(reason: string): void;
}

/** The default export of a module that works in a thread. Returning acknowledges the message, throwing gives it back. */
export type ThreadHandler<Content = unknown> = (message: ChannelMessage<Content>, context: ThreadContext) => unknown;

/** What is sent to a thread. */
export interface ThreadTask {
  /** The module whose default export is the handler. */
  readonly module: string;
  readonly message: ChannelMessage<unknown>;
  readonly deliveries: number;
  readonly receipt: string;
}

/** How a job ended, in a form that a thread can send: an error would lose its code on the way. */
export interface Verdict {
  /** Why it is not to be tried again. */
  readonly deadLetter?: string;
  readonly error?: {
    readonly message: string;
    readonly stack?: string;
    readonly code?: string;
    readonly details?: ErrorDetails;
  };
}

/** In the thread. */
export function verdictOf(thrown: unknown): Pick<Verdict, "error"> {
  const { message, stack } = toError(thrown);
  return {
    error: {
      message,
      ...(stack === undefined ? {} : { stack }),
      ...(isSSSNError(thrown) ? { code: thrown.code, details: thrown.details } : {}),
    },
  };
}

/** On the other side: the error as it was thrown there, its code as well. */
export function errorOf({ message, stack, code, details }: NonNullable<Verdict["error"]>): Error {
  const error: SSSNError | Error = errorOfParts({ code, message, details }) ?? new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
