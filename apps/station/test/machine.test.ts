import { expect, it } from "vitest";
import { Machine } from "../src/machine/machine.js";
import type { Reading } from "../src/machine/reading.js";

function expectPlausible(reading: Reading): void {
  for (const share of [reading.cpuShare, reading.memoryShare, reading.diskShare]) {
    expect(share).toBeGreaterThanOrEqual(0);
    expect(share).toBeLessThanOrEqual(1);
  }
  expect(reading.memoryUsed).toBeGreaterThan(1_000_000);
  for (const rate of [reading.diskReadRate, reading.diskWriteRate, reading.networkReceiveRate, reading.networkSendRate])
    expect(rate).toBeGreaterThanOrEqual(0);
}

it("the machine is read without /proc as well, from what every platform offers", async () => {
  const machine = await Machine.open("/there/is/no/such/folder");
  expect(machine.source).toBe("os");
  await machine.read();
  expectPlausible(await machine.read());
  expect(await machine.topProcesses(5)).toEqual([]);
});

it.runIf(process.platform === "linux")("on Linux the machine is read from /proc, and its largest processes are named", async () => {
  const machine = await Machine.open();
  expect(machine.source).toBe("proc");
  await machine.read();
  expectPlausible(await machine.read());
  const processes = await machine.topProcesses(3);
  expect(processes).toHaveLength(3);
  expect(processes.map(({ memory }) => memory)).toEqual(processes.map(({ memory }) => memory).sort((a, b) => b - a));
  expect(processes.every(({ pid, name }) => pid > 0 && name.length > 0)).toBe(true);
});
