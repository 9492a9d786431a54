// Asks a running generator for a face, and writes it to face.png. README.md has the commands.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	deepface "deepface/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const deadline = time.Minute

var attributes = []*deepface.RequestedAttribute{
	{Name: "Male"}, {Name: "Smiling"}, {Name: "Eyeglasses", Absent: true},
}

func main() {
	target := "127.0.0.1:50052"
	if len(os.Args) > 1 {
		target = os.Args[1]
	}
	if err := run(target); err != nil {
		log.Fatal(err)
	}
}

func run(target string) error {
	connection, err := connect(target)
	if err != nil {
		return err
	}
	defer connection.Close()
	generator := deepface.NewGeneratorServiceClient(connection)

	if err := generate(generator); err != nil {
		return err
	}
	if err := watch(generator); err != nil {
		return err
	}
	wrong := &deepface.GenerateFaceRequest{
		Attributes: []*deepface.RequestedAttribute{{Name: "Smilng"}},
		Size:       proto.Int32(5),
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	_, err = generator.GenerateFace(ctx, wrong)
	explain(err)
	return nil
}

// generate writes a finished face and prints what the classifier sees in it.
func generate(generator deepface.GeneratorServiceClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	request := &deepface.GenerateFaceRequest{Attributes: attributes, Seeds: []uint64{7}}
	reply, err := generator.GenerateFace(ctx, request)
	if err != nil {
		return err
	}
	face := reply.Faces[0]
	for _, attribute := range face.Attributes {
		if attribute.Present {
			fmt.Printf("%5.1f %%  %s\n", 100*attribute.Probability, attribute.Name)
		}
	}
	return os.WriteFile("face.png", face.Picture, 0o644)
}

// watch prints the progress of a face, and cancels it after 20 steps.
func watch(generator deepface.GeneratorServiceClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	request := &deepface.GenerateRequest{
		Attributes: attributes,
		Seed:       7,
		Stream:     &deepface.StreamSettings{LossesOnly: true},
	}
	stream, err := generator.Generate(ctx, request)
	if err != nil {
		return err
	}
	for {
		event, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if status.Code(err) == codes.Canceled {
			fmt.Println("cancelled")
			return nil
		}
		if err != nil {
			return err
		}
		if iterate := event.GetIterate(); iterate != nil {
			fmt.Printf("step %d, loss %.4f\n", iterate.Step, iterate.Loss.Total)
			if iterate.Step >= 20 {
				cancel()
			}
		}
	}
}

// explain prints the code of an error, and the fields that are wrong.
func explain(err error) {
	failure := status.Convert(err)
	fmt.Println(failure.Code())
	for _, detail := range failure.Details() {
		if request, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range request.FieldViolations {
				fmt.Printf("  %s: %s\n", violation.Field, violation.Description)
			}
		}
	}
}
