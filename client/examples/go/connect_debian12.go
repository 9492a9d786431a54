//go:build debian12

package main

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
)

// connect does the same with the packages of Debian 12, whose gRPC (1.33) is older than grpc.NewClient and does not know the
// messages that its own protoc-gen-go generates.
func connect(target string) (*grpc.ClientConn, error) {
	encoding.RegisterCodec(codec{})
	return grpc.Dial(target, grpc.WithInsecure())
}

type codec struct{}

func (codec) Name() string                            { return "proto" }
func (codec) Marshal(m interface{}) ([]byte, error)   { return proto.Marshal(m.(proto.Message)) }
func (codec) Unmarshal(b []byte, m interface{}) error { return proto.Unmarshal(b, m.(proto.Message)) }
