// Asks a running generator for a face, and writes it to face.png. In this folder, with Node.js 20 or newer:
//
//     npm ci
//     npm start -- 127.0.0.1:50052

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";
import type { GenerateFaceRequest } from "./out/types/deepface/v1/GenerateFaceRequest";
import type { GenerateFaceResponse__Output } from "./out/types/deepface/v1/GenerateFaceResponse";
import type { GeneratorServiceClient } from "./out/types/deepface/v1/GeneratorService";
import type { ProtoGrpcType as Details } from "./out/types/error_details";
import type { ProtoGrpcType as Generator } from "./out/types/generator";
import type { ProtoGrpcType as Status } from "./out/types/status";

const FILES = ["deepface/v1/generator.proto", "google/rpc/error_details.proto", "google/rpc/status.proto"];
const ATTRIBUTES = [{ name: "Male" }, { name: "Smiling" }, { name: "Eyeglasses", absent: true }];

// The options are those of the script `types` in package.json.
const definition = loader.loadSync(FILES, {
  includeDirs: [join(__dirname, "../../../../proto")],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});
const contract = grpc.loadPackageDefinition(definition) as unknown as Generator & Details & Status;
const { BadRequest, Status } = contract.google.rpc;

/** A deadline is a point in time, so each call sets its own. */
const within = (seconds: number): grpc.CallOptions => ({ deadline: Date.now() + 1000 * seconds });

/** Returns finished faces. */
function generateFace(
  generator: GeneratorServiceClient,
  request: GenerateFaceRequest,
): Promise<GenerateFaceResponse__Output> {
  return new Promise((resolve, reject) => {
    generator.generateFace(request, within(60), (error, reply) => (reply ? resolve(reply) : reject(error)));
  });
}

/** Prints the progress of a face, and cancels it after 20 steps. */
async function watch(generator: GeneratorServiceClient): Promise<void> {
  const call = generator.generate({ attributes: ATTRIBUTES, seed: 7, stream: { lossesOnly: true } }, within(60));
  try {
    for await (const { iterate } of call) {
      if (iterate) {
        console.log(`step ${iterate.step}, loss ${iterate.loss?.total.toFixed(4)}`);
        if (iterate.step >= 20) {
          call.cancel();
        }
      }
    }
  } catch (error) {
    if ((error as grpc.ServiceError).code !== grpc.status.CANCELLED) {
      throw error;
    }
    console.log("cancelled");
  }
}

/** Prints the code of an error, and the fields that are wrong. */
function explain(error: grpc.ServiceError): void {
  console.log(grpc.status[error.code]);
  const [encoded] = error.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(encoded)) {
    return;
  }
  for (const { type_url, value } of Status.deserialize(encoded).details) {
    if (type_url.endsWith("/google.rpc.BadRequest")) {
      for (const { field, description } of BadRequest.deserialize(value as Buffer).fieldViolations) {
        console.log(`  ${field}: ${description}`);
      }
    }
  }
}

async function main(): Promise<void> {
  const target = process.argv[2] ?? "127.0.0.1:50052";
  const generator = new contract.deepface.v1.GeneratorService(target, grpc.credentials.createInsecure());

  const [face] = (await generateFace(generator, { attributes: ATTRIBUTES, seeds: [7] })).faces;
  writeFileSync("face.png", face.picture);
  for (const { name, present, probability } of face.attributes) {
    if (present) {
      console.log(`${(100 * probability).toFixed(1).padStart(5)} %  ${name}`);
    }
  }

  await watch(generator);

  try {
    await generateFace(generator, { attributes: [{ name: "Smilng" }], size: 5 });
  } catch (error) {
    explain(error as grpc.ServiceError);
  }
  generator.close();
}

void main();
