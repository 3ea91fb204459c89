// Given to a host before anything else: its wall clock can be stepped, as nothing else of the machine is.
const real = Date;
let offset = Number(process.env["HOST_CLOCK_OFFSET_MS"] ?? 0);

process.on("message", (message: { readonly type?: string; readonly ms?: number }) => {
  if (message.type === "step") offset += message.ms ?? 0;
});

globalThis.Date = new Proxy(real, {
  construct: (target, args: unknown[]) => Reflect.construct(target, args.length === 0 ? [target.now() + offset] : args) as object,
  get: (target, name) => (name === "now" ? () => target.now() + offset : (Reflect.get(target, name) as unknown)),
});
