// Package mexcpb holds MEXC's pushes as an ordinary program declares them: push.proto,
// and what protobuf's own generator and vtprotobuf's make of it, the latter with texts
// that point into the message (unmarshal_unsafe). The bench puts them beside the decoder
// of this project, and only the bench imports it.
//
// The generators are protoc-gen-go v1.36.12 and protoc-gen-go-vtproto v0.6.0, both
// installed by "go install", and any protoc since 3.21:
//
//	protoc -I. --go_out=. --go_opt=paths=source_relative \
//	  --go-vtproto_out=. --go-vtproto_opt=paths=source_relative,features=unmarshal_unsafe push.proto
//	mv push.pb.go push_unsafe.go && mv push_vtproto.pb.go push_vtproto_unsafe.go
package mexcpb
