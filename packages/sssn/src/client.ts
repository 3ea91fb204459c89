export * from "@sssn/transport-http/client";
