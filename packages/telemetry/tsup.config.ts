import { library } from "../../tsup.shared.js";

export default library(["src/metrics.ts", "src/tracing.ts"]);
