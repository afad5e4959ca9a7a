// Package plain holds Gate.io's messages as an ordinary program declares them:
// structs of strings and numbers, one for each channel, for encoding/json and for
// easyjson as it comes. The bench puts them beside the decoders of this project.
package plain
