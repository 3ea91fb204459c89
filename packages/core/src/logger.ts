/** Facts that go with a log line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where log lines go. A pino logger fits as it is. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Prints warnings and errors to the console, and nothing else. The default, because an error that nobody sees is a lost one. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => console.warn(message, printable(fields)),
  error: (fields, message) => console.error(message, printable(fields)),
};

/** The same logger, for those who must not fail because it does: what it throws, or rejects with, is swallowed. */
export function guardLogger(logger: Logger): Logger {
  const guarded =
    (level: keyof Logger) =>
    (fields: LogFields, message: string): void => {
      try {
        const result: unknown = logger[level](fields, message);
        if (result instanceof Promise) result.catch(() => undefined);
      } catch {
        // There is nobody left to tell.
      }
    };
  return { debug: guarded("debug"), info: guarded("info"), warn: guarded("warn"), error: guarded("error") };
}

/** Says nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function printable(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? `${value.name}: ${value.message}` : value]),
  );
}
