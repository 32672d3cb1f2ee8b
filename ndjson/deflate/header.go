package deflate

// The alphabet of code lengths (RFC 1951, section 3.2.7).
const (
	repeatPrevious   = 16 // 3-6 times, 2 extra bits
	repeatZero       = 17 // 3-10 times, 3 extra bits
	repeatZeroLong   = 18 // 11-138 times, 7 extra bits
	codeLengthLength = 19
)

// codeLengthOrder is the order of the lengths of the code length codes (RFC 1951,
// section 3.2.7).
var codeLengthOrder = [codeLengthLength]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// repeatExtraBits and repeatBases describe the symbols from repeatPrevious on.
var (
	repeatExtraBits = [3]uint8{2, 3, 7}
	repeatBases     = [3]uint8{3, 3, 11}
)

// A codeLengthItem is a symbol of the alphabet of code lengths with its extra bits.
type codeLengthItem struct{ symbol, extra uint8 }

// A header describes the codes of a dynamic block (RFC 1951, section 3.2.7).
type header struct {
	literals, distances, codeLengths int // numbers of lengths written

	items   []codeLengthItem
	lengths [codeLengthLength]uint8
	codes   [codeLengthLength]code
	size    int // in bits
}

func (h *header) build(literals *[literalSymbols]uint8, distances *[distanceSymbols]uint8) {
	h.literals = literalSymbols
	for h.literals > firstLength && literals[h.literals-1] == 0 {
		h.literals--
	}
	h.distances = distanceSymbols
	for h.distances > 1 && distances[h.distances-1] == 0 {
		h.distances--
	}
	var all [literalSymbols + distanceSymbols]uint8
	n := copy(all[:], literals[:h.literals])
	n += copy(all[n:], distances[:h.distances])
	h.items = appendRuns(h.items[:0], all[:n])

	var counts [codeLengthLength]uint32
	for _, item := range h.items {
		counts[item.symbol]++
	}
	codeLengths(h.lengths[:], counts[:], codeLengthLimit)
	assignCodes(h.codes[:], h.lengths[:])
	h.codeLengths = codeLengthLength
	for h.codeLengths > 4 && h.lengths[codeLengthOrder[h.codeLengths-1]] == 0 {
		h.codeLengths--
	}

	h.size = 5 + 5 + 4 + 3*h.codeLengths
	for symbol, n := range counts {
		h.size += int(n) * int(h.lengths[symbol])
		if symbol >= repeatPrevious {
			h.size += int(n) * int(repeatExtraBits[symbol-repeatPrevious])
		}
	}
}

// appendRuns appends the items for the given code lengths.
func appendRuns(items []codeLengthItem, lengths []uint8) []codeLengthItem {
	for len(lengths) > 0 {
		length := lengths[0]
		run := 1
		for run < len(lengths) && lengths[run] == length {
			run++
		}
		lengths = lengths[run:]
		if length != 0 {
			items = append(items, codeLengthItem{symbol: length})
			run--
		}
		for run > 0 {
			n, symbol := 1, length
			switch {
			case run < 3:
			case length != 0:
				n, symbol = min(run, 6), repeatPrevious
			case run < 11:
				n, symbol = run, repeatZero
			default:
				n, symbol = min(run, 138), repeatZeroLong
			}
			item := codeLengthItem{symbol: symbol}
			if symbol >= repeatPrevious {
				item.extra = uint8(n) - repeatBases[symbol-repeatPrevious]
			}
			items = append(items, item)
			run -= n
		}
	}
	return items
}

func (h *header) write(w *bitWriter) {
	w.write(uint64(h.literals-257), 5)
	w.write(uint64(h.distances-1), 5)
	w.write(uint64(h.codeLengths-4), 4)
	for _, symbol := range codeLengthOrder[:h.codeLengths] {
		w.write(uint64(h.lengths[symbol]), 3)
	}
	for _, item := range h.items {
		w.writeCode(h.codes[item.symbol])
		if item.symbol >= repeatPrevious {
			w.write(uint64(item.extra), uint(repeatExtraBits[item.symbol-repeatPrevious]))
		}
	}
}
