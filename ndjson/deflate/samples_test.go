package deflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// sample returns text of a random kind and size.
func sample(random *rand.Rand) []byte {
	kinds := []func(text []byte, n int) []byte{
		func(text []byte, n int) []byte { // noise of few or many letters
			letters := 1 + random.IntN(256)
			for range n {
				text = append(text, byte(random.IntN(letters)))
			}
			return text
		},
		func(text []byte, n int) []byte { // matches longer than one can be
			return append(text, bytes.Repeat([]byte{byte(random.IntN(3))}, n)...)
		},
		func(text []byte, n int) []byte { // what was before, and something new
			from := random.IntN(len(text) + 1)
			text = append(text, text[from:min(len(text), from+n)]...)
			return append(text, byte(random.Uint32()))
		},
		func(text []byte, _ int) []byte { return append(text, everyByte(256)...) },
		func(text []byte, n int) []byte { // letters of which some are rare
			for range n {
				text = append(text, byte(random.ExpFloat64()*4))
			}
			return text
		},
	}
	var text []byte
	one := random.IntN(2 * len(kinds)) // only one of them, or all mixed
	for size := random.IntN(1 << random.IntN(20)); len(text) < size; {
		kind := one
		if kind >= len(kinds) {
			kind = random.IntN(len(kinds))
		}
		text = kinds[kind](text, 1+random.IntN(1000))
	}
	return text
}

// everyByte returns n bytes, from 0 to 255 repeatedly.
func everyByte(n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(i)
	}
	return text
}

// skewed returns bytes with the frequencies of Fibonacci numbers, which lead to the
// longest Huffman codes.
func skewed(n int) []byte {
	var text []byte
	for b, frequency, next := byte(0), 1, 1; len(text) < n; b++ {
		text = append(text, bytes.Repeat([]byte{b}, frequency)...)
		frequency, next = next, frequency+next
	}
	random := rand.New(rand.NewPCG(9, 10))
	random.Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
	return text[:n]
}

// ndjson returns lines like those of an export.
func ndjson(n int) []byte {
	random := rand.New(rand.NewPCG(11, 12))
	words := []string{"patient", "reports", "no", "pain", "chest", "mild", "daily", "dose", "blood", "pressure", "stable", "history"}
	names := []string{"Heart rate", "Body temperature", "Sodium", "Systolic blood pressure", "Potassium"}
	var text bytes.Buffer
	for text.Len() < n {
		fmt.Fprintf(&text, `{"id":"%016x-%016x","meta":{"versionId":"%d","lastUpdated":"2024-%02d-%02dT%02d:00:00.000000Z"},"code":{"coding":[{"code":"%d-%d","system":"http://loinc.org","display":"%s"}]},"note":[{"text":"`,
			random.Uint64(), random.Uint64(), random.IntN(1e6), 1+random.IntN(12), 1+random.IntN(28), random.IntN(24), random.IntN(90_000), random.IntN(10), names[random.IntN(len(names))])
		for range random.IntN(40) {
			text.WriteString(words[random.IntN(len(words))])
			text.WriteByte(' ')
		}
		fmt.Fprintf(&text, `"}],"status":"final","subject":{"reference":"Patient/%016x"},"valueQuantity":{"value":%d.%d,"unit":"mmol/L","system":"http://unitsofmeasure.org"},"resourceType":"Observation"}`+"\n",
			random.IntN(50_000), random.IntN(180), random.IntN(100))
	}
	return text.Bytes()[:n]
}
