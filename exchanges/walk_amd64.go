//go:build !tickring_purego

package exchanges

import "github.com/tickring/tickring/ring"

// sideBuy is of a buyer; that of a seller is one more.
const sideBuy = 1

var _ = [1]struct{}{}[ring.AggressorBuy-sideBuy]

// walkFrame makes a new item of the batch blank and walks from the frame's start to its
// end, or to a step that it leaves to longWay.
//
//go:noescape
func walkFrame(s *Steps, text *byte, size int, symbols *SymbolTable, b *Batch)

// walkBehind walks on from b.walk.at, behind the hole of the step where it stopped.
//
//go:noescape
func walkBehind(s *Steps, text *byte, size int, symbols *SymbolTable, b *Batch)
