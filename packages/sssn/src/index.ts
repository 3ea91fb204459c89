export * from "@sssn/core";
export * from "@sssn/discovery";
export * from "@sssn/security-jwt";
export * from "@sssn/store-level";
export * from "@sssn/transport-http";
