// Asks a running generator for a face, and writes it to face.png.
//
// With Maven or Gradle: io.grpc's grpc-netty-shaded, grpc-protobuf and grpc-stub, and its compiler protoc-gen-grpc-java, on the
// files of proto/deepface. With packages of Debian or Ubuntu, in this folder:
//
//     sudo apt-get install default-jdk-headless protobuf-compiler protobuf-compiler-grpc-java-plugin \
//         libgrpc-java libnetty-java libopencensus-java libperfmark-java libprotobuf-java
//     ./run 127.0.0.1:50052

import com.google.rpc.BadRequest;
import deepface.v1.GenerateFaceRequest;
import deepface.v1.GenerateFaceResponse;
import deepface.v1.GeneratedFace;
import deepface.v1.GeneratorServiceGrpc;
import deepface.v1.RequestedAttribute;
import deepface.v1.ResultAttribute;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

public final class Generate {
    public static void main(String[] arguments) throws Exception {
        String target = arguments.length > 0 ? arguments[0] : "127.0.0.1:50052";
        ManagedChannel channel = ManagedChannelBuilder.forTarget(target).usePlaintext().build();
        try {
            GeneratorServiceGrpc.GeneratorServiceBlockingStub generator = GeneratorServiceGrpc.newBlockingStub(channel);
            GenerateFaceRequest request = GenerateFaceRequest.newBuilder()
                    .addAttributes(RequestedAttribute.newBuilder().setName("Male"))
                    .addAttributes(RequestedAttribute.newBuilder().setName("Smiling"))
                    .addAttributes(RequestedAttribute.newBuilder().setName("Eyeglasses").setAbsent(true))
                    .addSeeds(7)
                    .build();
            // A deadline is a point in time, so each call sets its own.
            GenerateFaceResponse reply = generator.withDeadlineAfter(60, TimeUnit.SECONDS).generateFace(request);
            GeneratedFace face = reply.getFaces(0);
            Files.write(Path.of("face.png"), face.getPicture().toByteArray());
            for (ResultAttribute attribute : face.getAttributesList()) {
                if (attribute.getPresent()) {
                    System.out.printf("%5.1f %%  %s%n", 100 * attribute.getProbability(), attribute.getName());
                }
            }

            GenerateFaceRequest wrong = GenerateFaceRequest.newBuilder()
                    .addAttributes(RequestedAttribute.newBuilder().setName("Smilng"))
                    .setSize(5)
                    .build();
            try {
                generator.withDeadlineAfter(60, TimeUnit.SECONDS).generateFace(wrong);
            } catch (StatusRuntimeException error) {
                explain(error);
            }
        } finally {
            channel.shutdownNow();
        }
    }

    /** Prints the code of an error, and the fields that are wrong. */
    private static void explain(StatusRuntimeException error) throws Exception {
        System.out.println(error.getStatus().getCode());
        com.google.rpc.Status status = StatusProto.fromThrowable(error);
        if (status == null) {
            return;
        }
        for (com.google.protobuf.Any detail : status.getDetailsList()) {
            if (detail.is(BadRequest.class)) {
                for (BadRequest.FieldViolation violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
                    System.out.printf("  %s: %s%n", violation.getField(), violation.getDescription());
                }
            }
        }
    }
}
