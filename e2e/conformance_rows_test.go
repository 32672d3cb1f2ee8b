package e2e

// Levels of a requirement (RFC 2119).
const (
	shall     = "SHALL"
	shallNot  = "SHALL NOT"
	should    = "SHOULD"
	shouldNot = "SHOULD NOT"
	may       = "MAY"
)

// States of a requirement.
const (
	met       = "met"
	unmet     = "not met"
	elsewhere = "not tested here" // why says where it is
)

// row is a group of requirements of one level: those of the Bulk Data implementation guide
// 2.0.0, with the numbers of its published test kit, and the additions of 3.0.0 (B) and of
// the ballot of 4.0.0 (C, where implemented). A row that is met has a check.
type row struct {
	numbers, level, what string
	state, check, why    string
}

// rows are all requirements for servers.
var rows = []row{
	{"1", should, "the CapabilityStatement instantiates the guide's", met, "Capabilities", ""},
	{"2", shall, "TLS 1.2 or later on all exchanges", elsewhere, "", "by a proxy, or by Sluice if configured: depends on the deployment"},
	{"3", may, "mutual TLS", unmet, "", "a proxy can require it"},
	{"4 218", should, "SMART Backend Services", elsewhere, "", "tested in auth and api"},
	{"12 19", shall, "an authorization server issues tokens", elsewhere, "", "tested in auth and api"},
	{"5", shall, "status and files are protected like the kick-off", met, "Protected", ""},
	{"6", may, "status and files are restricted to the client of the export", met, "Protected", ""},
	{"7", may, "signed URLs and other schemes", met, "Files", ""},
	{"8", shouldNot, "delete files during a download", unmet, "", "files are deleted when they expire; most stores complete running downloads"},
	{"9 27 226", shall, "the client gets only what it is authorised for", met, "Scopes", ""},
	{"10", should, "respect the consents of individuals", unmet, "", "Sluice does not know consents; keep such data out of the tables"},
	{"11", should, "mitigate denial of service", met, "TooMany", ""},

	{"13 20 28 29 227 229 249 272", shall, "asynchronous kick-off with GET", met, "KickOff", ""},
	{"30 228", may, "kick-off with POST and a Parameters resource", met, "Post", ""},
	{"32", shall, "repeated parameters are equal to a comma-separated list", met, "Types", ""},
	{"44 46", may, "without Accept or Prefer, defaults are assumed", met, "KickOff", ""},
	{"223 224 225 250 273 297 298 299", shall, "the endpoints of the three levels", met, "Levels", ""},
	{"300 301", shall, "202 with an absolute Content-Location", met, "KickOff", ""},
	{"302", may, "an OperationOutcome in the body of the 202", met, "KickOff", ""},
	{"303 304", shall, "an error is 4XX or 5XX with an OperationOutcome", met, "Refusals", ""},
	{"118", should, "too many exports: 429 with Retry-After", met, "TooMany", ""},

	{"47 49 51 52 231 251 274", shall, "_outputFormat with the three names of ndjson", met, "OutputFormat", ""},
	{"50", may, "other output formats", met, "OutputFormat", ""},
	{"53 59 234 254", shall, "_since: resources changed after it", met, "Since", ""},
	{"277", may, "_since at patient level", met, "Since", ""},
	{"55 57 58", may, "with _since, older resources of new members, referenced resources, and resources without a time", unmet, "", "only changed resources are exported"},
	{"56", should, "document whether resources older than _since are exported", met, "Documented", ""},
	{"60 237 257 280", may, "_type", met, "Types", ""},
	{"62 63", shall, "_type selects types; without it, all types are exported", met, "Types", ""},
	{"64 107", may, "export only a subset of FHIR", unmet, "", "all types of FHIR R4 are exported"},
	{"33 34 65 66", should, "patient and Group level follow the patient compartment", met, "Levels", ""},
	{"35 36", should, "Patient resources are exported", met, "Levels", ""},
	{"37 38 67", may, "associated resources outside of the compartment", unmet, "", "they are exported at system level only"},
	{"68", should, "document such resources", elsewhere, "", "does not apply"},
	{"39", may, "Binary resources of a patient are exported as DocumentReference", unmet, "", "Binary is in no compartment, so it is exported at system level only"},
	{"40", may, "other Binary resources at system level", met, "Types", ""},
	{"41", may, "references are relative or use the server's base URL", met, "Lines", ""},
	{"42", should, "Groups can be read and searched", met, "Groups", ""},
	{"69", should, "a server without support for _type rejects it", elsewhere, "", "does not apply: _type is supported"},
	{"70 71 108", should, "unknown types and types outside of the compartment are rejected", met, "Refusals", ""},
	{"72 82 89 94 106", may, "with handling=lenient, the export ignores them", met, "Lenient", ""},
	{"73 240 260 283", may, "_elements", met, "Elements", ""},
	{"75 76 78 79 80", should, "_elements: omitted and mandatory elements, and the tag SUBSETTED", met, "Elements", ""},
	{"77", shall, "_elements: root elements only", met, "Elements", ""},
	{"81 88 93 105", should, "unsupported values of parameters are rejected", met, "Refusals", ""},
	{"83 263 286", may, "patient", met, "Patients", ""},
	{"85", shallNot, "patient: no resources of other patients", met, "Patients", ""},
	{"86 87", should, "patient: unknown patients and non-members are rejected", met, "Patients", ""},
	{"90 243 266 289", may, "includeAssociatedData", met, "Provenance", ""},
	{"92 96 97 99", shall, "includeAssociatedData: the latest or all Provenance; of both, the less restrictive", met, "Provenance", ""},
	{"98", shallNot, "LatestProvenanceResources: no other Provenance", met, "Provenance", ""},
	{"100", may, "custom values of includeAssociatedData", unmet, "", "none are defined"},
	{"101 246 269 292", may, "_typeFilter", met, "TypeFilter", ""},
	{"103 117", shall, "_typeFilter: only matching resources; repeated parameters are equal to a list", met, "TypeFilter", ""},
	{"109 110", shall, "without includeAssociatedData, patient level has the Provenance of everything in a compartment", met, "Provenance", ""},
	{"111 112", shall, "without includeAssociatedData, system level has all Provenance", met, "Provenance", ""},

	{"305 306 122", shall, "DELETE: 202, then 404 with an OperationOutcome", met, "Delete", ""},
	{"308 309", shall, "a failed DELETE is 4XX or 5XX with an OperationOutcome", met, "Delete", ""},
	{"307", may, "an OperationOutcome in the body of the 202", unmet, "", "the body is empty"},
	{"120 121", may, "DELETE of a completed export removes its files", met, "Delete", ""},

	{"21 132 310", shall, "a running export is 202", met, "Running", ""},
	{"125", should, "Retry-After while the export runs", met, "Running", ""},
	{"133 134", may, "X-Progress", met, "Running", ""},
	{"127 128", should, "polling too often: 429 with Retry-After", met, "TooManyPolls", ""},
	{"129", may, "excessive polling terminates the export", unmet, "", "polls are rejected, the export continues"},
	{"131 138", should, "the status of a failed export has an OperationOutcome", met, "Failed", ""},
	{"136 137", shall, "a failed export is 4XX or 5XX, application/fhir+json", met, "Failed", ""},
	{"139", may, "errors in other formats", unmet, "", "all errors are OperationOutcomes"},
	{"140", should, "a poll that fails while the export continues has a transient code", elsewhere, "", "tested in api: outage of the database"},
	{"141", may, "an export can complete although resources could not be converted", met, "Partial", ""},
	{"142 143", shall, "such an export is 200, with OperationOutcome files in error", met, "Partial", ""},

	{"22 144 145 147 148", shall, "a completed export is 200 with a manifest in application/json, whose files can be downloaded", met, "Manifest", ""},
	{"146", should, "Expires", met, "Manifest", ""},
	{"149 163", may, "files on other servers with other authorization schemes", met, "Files", ""},
	{"150 151 152 154", shall, "transactionTime: everything up to this instant is exported", met, "TransactionTime", ""},
	{"153", should, "nothing later than transactionTime is exported", unmet, "", "with open transactions, it is earlier than the snapshot: later changes can be exported, and again with the next _since"},
	{"155 156 157 158", shall, "request: the URL of the kick-off, without the parameters of a POST", met, "Post", ""},
	{"159 160 161 162", shall, "requiresAccessToken: whether files require the credentials of the API", met, "Files", ""},
	{"164 165 166 168 169 170 175", shall, "output: an item for each file with type and absolute url; one type per file", met, "Manifest", ""},
	{"178", shall, "count is the number of resources", met, "Manifest", ""},
	{"167 173", should, "no results: an empty array; no item for a type without resources", met, "Nothing", ""},
	{"171 172", may, "several files of different sizes for a type", met, "Several", ""},
	{"174", may, "contained resources", met, "Lines", ""},
	{"176", should, "files have the requested format", met, "OutputFormat", ""},
	{"177", may, "count", met, "Manifest", ""},
	{"180 181 187 188 189 190", shall, "deleted: files of transaction Bundles with DELETE", met, "Deleted", ""},
	{"186", shall, "deleted resources are not in output", met, "Deleted", ""},
	{"182", should, "deleted with _since", met, "Deleted", ""},
	{"179 183 184 185", may, "deleted can be omitted", met, "Manifest", ""},
	{"191 192 193 196", shall, "error: an array of files of OperationOutcomes", met, "Partial", ""},
	{"194", should, "errors and warnings are in error, not in output", met, "Partial", ""},
	{"195", should, "error is empty without messages", met, "Manifest", ""},
	{"197", should, "one OperationOutcome for each ignored parameter", met, "Lenient", ""},
	{"198 199", shall, "extension, if present, is an object", met, "Manifest", ""},

	{"14 23 24 25 204 206 207 208 209", shall, "files: 200, application/fhir+ndjson, one resource per line", met, "Files", ""},
	{"210", shall, "a failed download is 4XX or 5XX", met, "Files", ""},
	{"202", shall, "only the latest version of a resource", met, "Lines", ""},
	{"203", may, "resources have meta", met, "Lines", ""},
	{"211 212", should, "attachments have a contentType, and data or url", unmet, "", "attachments are exported as stored"},
	{"213", shall, "the url of an attachment is absolute", met, "Attachments", "with SLUICE_ATTACHMENT_BASE_URL"},
	{"214 215 216", shall, "attachments are accessible with the credentials for files", elsewhere, "", "they are on the FHIR server"},
	{"217", should, "the CapabilityStatement and the documentation describe what is implemented", met, "Documented", ""},
	{"220", should, "the requirements of the guide's CapabilityStatement", met, "Capabilities", ""},

	{"B1", shall, "separate-export-status: X-Export-Status and Preference-Applied", met, "SeparateStatus", ""},
	{"B2", may, "_until", met, "Since", ""},
	{"B3", shall, "_typeFilter: several for a type are combined with OR; no result parameters", met, "TypeFilter", ""},
	{"B4", may, "chained search parameters", unmet, "", "chained parameters are rejected"},
	{"B5", shall, "organizeOutputBy: blocks with headers, repeated in files that continue a block; continuesInFile", met, "Organized", "Patient only"},
	{"B6", may, "resources without a link to the organising type are omitted", met, "Unlinked", "and counted in error"},
	{"B7", may, "allowPartialManifests: files are listed early and do not change", met, "Pages", "early listing is tested in worker and api"},
	{"B8", shall, "manifests linked with next are consistent", met, "Pages", ""},
	{"B9", shall, "links without an access token expire as soon as a token, after 300 s", unmet, "", "one hour by default, because downloads take longer; set SLUICE_LINK_TTL=5m"},
	{"B10", shall, "files are plain or compressed, with the right headers", met, "Files", ""},
	{"B11", may, "each request of the manifest returns new links", elsewhere, "", "tested in api"},
	{"B12", should, "a Group that does not exist or is not accessible is rejected", met, "Groups", ""},
	{"B13", shall, "the CapabilityStatement has the operations, types and search parameters, and marks parameters that exports do not support", met, "Capabilities", ""},
	{"B14", may, "creation of cohorts", unmet, "", "Groups are read from the tables"},

	{"C1", shall, "_maximumFileSize: no file is larger, except for a single resource; greater than _minimumFileSize", met, "Several", ""},
	{"C2", should, "_minimumFileSize: no file is smaller, except for the maximum", met, "FileSizes", "more is tested in worker; see Parameters for the remainder"},
}
