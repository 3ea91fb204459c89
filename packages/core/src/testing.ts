export { VirtualClock } from "./virtual-clock.js";
export { testNetwork, type TestNetwork, type TestParts } from "./test-network.js";
