import { refuseUnknownOptions } from "../options.js";
import { BaseSystem, SYSTEM_OPTIONS, type StepContext, type SystemOptions } from "./base-system.js";

/** A system out of functions, for when a class is more than is needed. */
export interface SystemDefinition extends SystemOptions {
  readonly setup?: (system: BaseSystem) => unknown;
  readonly step?: (system: BaseSystem, context: StepContext) => unknown;
  readonly onStepError?: (error: Error) => unknown;
  /** See {@link BaseSystem.onStart}. */
  readonly onStart?: (system: BaseSystem) => unknown;
  /** See {@link BaseSystem.onShutdown}. */
  readonly onShutdown?: (system: BaseSystem, options: { readonly timeoutMs: number }) => unknown;
}

const DEFINITION_OPTIONS: ReadonlySet<string> = new Set([...SYSTEM_OPTIONS, "setup", "step", "onStepError", "onStart", "onShutdown"]);

/** Makes a system out of functions. */
export function defineSystem(definition: SystemDefinition): BaseSystem {
  refuseUnknownOptions("defineSystem()", definition, DEFINITION_OPTIONS);
  return new (class extends BaseSystem {
    override setup(): unknown {
      return definition.setup?.(this);
    }

    override onStart(): unknown {
      return definition.onStart?.(this);
    }

    override onShutdown(options: { readonly timeoutMs: number }): unknown {
      return definition.onShutdown?.(this, options);
    }

    override step(context: StepContext): unknown {
      return definition.step?.(this, context);
    }

    override onStepError(error: Error): unknown {
      return definition.onStepError ? definition.onStepError(error) : super.onStepError(error);
    }
  })(definition);
}
