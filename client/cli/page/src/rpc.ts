// The two services, behind the page's own origin, and what they say when they refuse.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ClassifierService } from "./gen/deepface/v1/classifier_pb";
import { GeneratorService } from "./gen/deepface/v1/generator_pb";
import { BadRequestSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb";

const transport = createGrpcWebTransport({ baseUrl: location.origin });

export const classifier = createClient(ClassifierService, transport);
export const generator = createClient(GeneratorService, transport);

/** A wrong field of a request. */
export interface Violation {
  /** Its path, such as "attributes[1].strength". */
  field: string;
  /** What was expected, and what came. */
  description: string;
}

/** Why a call failed, for people. */
export interface Failure {
  /** One sentence. */
  message: string;
  /** The wrong fields, if the request was wrong. */
  violations: Violation[];
  /** Whether the same call may succeed later. */
  again: boolean;
}

/** Whether somebody stopped the call. */
export function stopped(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Canceled;
}

/** Reads an error of a call. */
export function failure(error: unknown): Failure {
  const status = ConnectError.from(error);
  const violations = status.findDetails(BadRequestSchema).flatMap((details) =>
    details.fieldViolations.map(({ field, description }) => ({ field, description })));
  const wait = status.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const seconds = wait ? Number(wait.seconds) + wait.nanos / 1e9 : 0;
  const after = seconds > 0 ? `. Try again in ${Math.ceil(seconds)} s` : "";
  // fetch says nothing about its reasons: "Failed to fetch", "NetworkError ...".
  const unreachable = status.code === Code.Unavailable || (status.code === Code.Unknown && status.cause instanceof TypeError);
  if (unreachable) {
    const detail = status.code === Code.Unavailable && status.rawMessage ? ` (${status.rawMessage})` : "";
    const message = `The service does not answer${detail}. Is \`deepface serve --ui\` still running?${after.slice(1)}`;
    return { message, violations, again: true };
  }
  const again = [Code.ResourceExhausted, Code.DeadlineExceeded, Code.Aborted, Code.Internal, Code.Unknown].includes(status.code);
  return { message: `The service refused: ${status.rawMessage}${after}`, violations, again };
}
