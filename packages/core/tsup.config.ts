import { library } from "../../tsup.shared.js";

export default library({ index: "src/index.ts", "log-state": "src/log-state/index.ts", testing: "src/testing.ts" });
