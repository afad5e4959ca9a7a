//go:build !tickring_purego

package exchanges

import "github.com/tickring/tickring/ring"

// sideBuy is of a buyer; that of a seller is one more.
const sideBuy = 1

var _ = [1]struct{}{}[ring.AggressorBuy-sideBuy]

// walkFrame makes the item of w blank and walks from the frame's start to the end, or to a
// step that it leaves to longWay.
//
//go:noescape
func walkFrame(w *walk)

// walkBehind walks on from w.at, behind the hole of w.step.
//
//go:noescape
func walkBehind(w *walk)
