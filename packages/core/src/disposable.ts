// Older TypeScript, and newer without `lib: ["ESNext.Disposable"]`, does not know these names, which the declarations of this package
// use. Where they are known, the two merge: they are spelt exactly as there.
declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}

export {};
