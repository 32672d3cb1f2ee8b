package fhirpath

// class is the type of FHIRPath that values of a FHIR type act as.
type class uint8

const (
	complexClass class = iota // none: values have elements
	booleanClass
	stringClass
	integerClass
	decimalClass
	dateClass
	dateTimeClass
	timeClass
	quantityClass
)

// comparable reports whether values of two classes have an order.
func (c class) comparable(other class) bool {
	return c.family() == other.family() && c != complexClass && c != booleanClass
}

// family returns the same class for classes that convert to each other.
func (c class) family() class {
	switch c {
	case integerClass:
		return decimalClass
	case dateClass:
		return dateTimeClass
	}
	return c
}

func (c class) isNumber() bool { return c == integerClass || c == decimalClass }

// typ is a type. There is one for each type of a schema, so that types are compared by
// their addresses.
type typ struct {
	name     Type
	class    class
	base     *typ
	elements map[string]*element // also those of its bases
	resource bool                // a type of resources, also an abstract one
}

// element is an element of a type.
type element struct {
	name    string
	many    bool
	members []member           // of a choice: one for each of its types
	byKey   map[string]*member // the same, if there are many
}

// member is a member of a JSON object that an element is stored in.
type member struct {
	key string // name, valueQuantity
	typ *typ
}

// isA reports whether the type is another, or built on it.
func (t *typ) isA(other *typ) bool {
	for ; t != nil; t = t.base {
		if t == other {
			return true
		}
	}
	return false
}

// isPrimitive reports whether values of a FHIR type can have a sibling with their id and
// extensions.
func (t *typ) isPrimitive() bool { return t.class != complexClass && t.class != quantityClass }

// The types of FHIRPath, which are those of literals and results.
var (
	systemBoolean  = &typ{name: "System.Boolean", class: booleanClass}
	systemString   = &typ{name: "System.String", class: stringClass}
	systemInteger  = &typ{name: "System.Integer", class: integerClass}
	systemDecimal  = &typ{name: "System.Decimal", class: decimalClass}
	systemDate     = &typ{name: "System.Date", class: dateClass}
	systemDateTime = &typ{name: "System.DateTime", class: dateTimeClass}
	systemTime     = &typ{name: "System.Time", class: timeClass}
	systemQuantity = &typ{name: "System.Quantity", class: quantityClass}
)

var systemTypes = []*typ{
	systemBoolean, systemString, systemInteger, systemDecimal,
	systemDate, systemDateTime, systemTime, systemQuantity,
}

// systemOf returns the type of FHIRPath with this class.
func systemOf(c class) *typ {
	for _, t := range systemTypes {
		if t.class == c {
			return t
		}
	}
	return nil
}

// primitives are the primitive types of FHIR, each after the one that it is built on.
var primitives = []struct {
	name, base string
	class      class
}{
	{"boolean", "", booleanClass},
	{"string", "", stringClass},
	{"code", "string", stringClass},
	{"id", "string", stringClass},
	{"markdown", "string", stringClass},
	{"uri", "", stringClass},
	{"url", "uri", stringClass},
	{"canonical", "uri", stringClass},
	{"oid", "uri", stringClass},
	{"uuid", "uri", stringClass},
	{"base64Binary", "", stringClass},
	{"xhtml", "", stringClass},
	{"integer", "", integerClass},
	{"positiveInt", "integer", integerClass},
	{"unsignedInt", "integer", integerClass},
	{"integer64", "", integerClass},
	{"decimal", "", decimalClass},
	{"date", "", dateClass},
	{"dateTime", "", dateTimeClass},
	{"instant", "", dateTimeClass},
	{"time", "", timeClass},
}
