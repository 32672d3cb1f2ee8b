package e2e

// The levels of a requirement (RFC 2119).
const (
	shall     = "SHALL"
	shallNot  = "SHALL NOT"
	should    = "SHOULD"
	shouldNot = "SHOULD NOT"
	may       = "MAY"
)

// What becomes of a requirement.
const (
	met       = "met"
	unmet     = "not met"
	elsewhere = "not tested here" // in this test: why says where
)

// row is a group of requirements of one level: those of the Bulk Data
// implementation guide 2.0.0, by the numbers of its published test kit, and
// what 3.0.0 (B) and the ballot of 4.0.0 (C, as far as it is taken up) add. One that is met has a check.
type row struct {
	numbers, level, what string
	state, check, why    string
}

// rows are all requirements on a server.
var rows = []row{
	{"1", should, "the CapabilityStatement instantiates the guide's", met, "Capabilities", ""},
	{"2", shall, "TLS 1.2 or later on all exchanges", elsewhere, "", "a proxy's, or Sluice's own where it is set: a matter of how it is deployed"},
	{"3", may, "mutual TLS", unmet, "", "a proxy can ask for it"},
	{"4 218", should, "SMART Backend Services", elsewhere, "", "tested in auth and api"},
	{"12 19", shall, "an authorization server issues tokens", elsewhere, "", "tested in auth and api"},
	{"5", shall, "status and files are protected as the kick-off is", met, "Protected", ""},
	{"6", may, "status and files are for the client of the export alone", met, "Protected", ""},
	{"7", may, "signed URLs and other schemes", met, "Files", ""},
	{"8", shouldNot, "files that are being downloaded are not deleted", unmet, "", "files go when they expire; most stores finish a download that runs"},
	{"9 27 226", shall, "the client gets what it is authorised for, and nothing else", met, "Scopes", ""},
	{"10", should, "respect for an individual's wishes", unmet, "", "Sluice knows of no consents: what must not be exported must not be in the tables"},
	{"11", should, "mitigation of denial of service", met, "TooMany", ""},

	{"13 20 28 29 227 229 249 272", shall, "kick-off by GET, answered asynchronously", met, "KickOff", ""},
	{"30 228", may, "kick-off by POST with a Parameters resource", met, "Post", ""},
	{"32", shall, "repeated parameters are a comma list", met, "Types", ""},
	{"44 46", may, "without Accept or Prefer, the usual ones are assumed", met, "KickOff", ""},
	{"223 224 225 250 273 297 298 299", shall, "the addresses of the three levels", met, "Levels", ""},
	{"300 301", shall, "202 with an absolute Content-Location", met, "KickOff", ""},
	{"302", may, "an OperationOutcome in the body of the 202", met, "KickOff", ""},
	{"303 304", shall, "an error is 4XX or 5XX with an OperationOutcome", met, "Refusals", ""},
	{"118", should, "too many exports: 429 with Retry-After", met, "TooMany", ""},

	{"47 49 51 52 231 251 274", shall, "_outputFormat and its three names of ndjson", met, "OutputFormat", ""},
	{"50", may, "other output formats", met, "OutputFormat", ""},
	{"53 59 234 254", shall, "_since: what has changed after it", met, "Since", ""},
	{"277", may, "_since at patient level", met, "Since", ""},
	{"55 57 58", may, "with _since, older resources of new members, referenced ones, and those without a time", unmet, "", "only what has changed is exported"},
	{"56", should, "resources older than _since are documented", met, "Documented", ""},
	{"60 237 257 280", may, "_type", met, "Types", ""},
	{"62 63", shall, "_type filters; without it all types come", met, "Types", ""},
	{"64 107", may, "only subsets of FHIR", unmet, "", "all of FHIR R4 is exported"},
	{"33 34 65 66", should, "patient and group level follow the patient compartment", met, "Levels", ""},
	{"35 36", should, "the patients themselves are exported", met, "Levels", ""},
	{"37 38 67", may, "helpful resources from outside of the compartment", unmet, "", "they are exported at system level"},
	{"68", should, "such resources are documented", elsewhere, "", "there are none"},
	{"39", may, "Binary resources of a patient are serialised as DocumentReference", unmet, "", "Binary is in no compartment: a patient's or group's export has none"},
	{"40", may, "other Binary resources at system level", met, "Types", ""},
	{"41", may, "references are relative or on the server's base", met, "Lines", ""},
	{"42", should, "Groups can be read and searched", met, "Groups", ""},
	{"69", should, "a server without _type refuses it", elsewhere, "", "there is _type"},
	{"70 71 108", should, "types that are unknown, or outside of the compartment, are refused", met, "Refusals", ""},
	{"72 82 89 94 106", may, "with handling=lenient, the export goes on without", met, "Lenient", ""},
	{"73 240 260 283", may, "_elements", met, "Elements", ""},
	{"75 76 78 79 80", should, "_elements: what is left out, what stays, and the tag SUBSETTED", met, "Elements", ""},
	{"77", shall, "_elements: root elements alone", met, "Elements", ""},
	{"81 88 93 105", should, "what is not supported of a parameter is refused", met, "Refusals", ""},
	{"83 263 286", may, "patient", met, "Patients", ""},
	{"85", shallNot, "patient: nothing of other patients", met, "Patients", ""},
	{"86 87", should, "patient: who is not there, or not a member, is refused", met, "Patients", ""},
	{"90 243 266 289", may, "includeAssociatedData", met, "Provenance", ""},
	{"92 96 97 99", shall, "includeAssociatedData: the latest Provenance, or all, and the less restrictive of both", met, "Provenance", ""},
	{"98", shallNot, "LatestProvenanceResources: no other Provenance", met, "Provenance", ""},
	{"100", may, "custom values of includeAssociatedData", unmet, "", "there are none"},
	{"101 246 269 292", may, "_typeFilter", met, "TypeFilter", ""},
	{"103 117", shall, "_typeFilter: only what meets it; repeated as a comma list", met, "TypeFilter", ""},
	{"109 110", shall, "without includeAssociatedData, at patient level, the Provenance of all that is in a compartment", met, "Provenance", ""},
	{"111 112", shall, "without includeAssociatedData, at system level, all Provenance", met, "Provenance", ""},

	{"305 306 122", shall, "DELETE: 202, and 404 with an OperationOutcome from then on", met, "Delete", ""},
	{"308 309", shall, "an errored DELETE is 4XX or 5XX with an OperationOutcome", met, "Delete", ""},
	{"307", may, "an OperationOutcome in the body of the 202", unmet, "", "there is nothing to add"},
	{"120 121", may, "DELETE of a completed export removes its files", met, "Delete", ""},

	{"21 132 310", shall, "a running export is 202", met, "Running", ""},
	{"125", should, "Retry-After while it runs", met, "Running", ""},
	{"133 134", may, "X-Progress", met, "Running", ""},
	{"127 128", should, "polling too often: 429 with Retry-After", met, "TooManyPolls", ""},
	{"129", may, "who goes on polling loses the export", unmet, "", "the export is not to blame"},
	{"131 138", should, "a failed export answers with an OperationOutcome", met, "Failed", ""},
	{"136 137", shall, "a failed export is 4XX or 5XX, application/fhir+json", met, "Failed", ""},
	{"139", may, "errors in other formats", unmet, "", "all are OperationOutcomes"},
	{"140", should, "a poll that failed while the export lives says so by a transient code", elsewhere, "", "tested in api: the database goes away in between"},
	{"141", may, "an export succeeds though some resources could not be converted", met, "Partial", ""},
	{"142 143", shall, "such an export is 200, with OperationOutcome files in error", met, "Partial", ""},

	{"22 144 145 147 148", shall, "a completed export is 200 with a manifest in application/json whose files can be had", met, "Manifest", ""},
	{"146", should, "Expires", met, "Manifest", ""},
	{"149 163", may, "other file servers, which use other schemes", met, "Files", ""},
	{"150 151 152 154", shall, "transactionTime: an instant up to which all is there", met, "TransactionTime", ""},
	{"153", should, "nothing later than transactionTime is there", unmet, "", "it is earlier than the snapshot where transactions were open: what is later can be there, and comes again with the next _since"},
	{"155 156 157 158", shall, "request: the kick-off's URL, without the parameters of a POST", met, "Post", ""},
	{"159 160 161 162", shall, "requiresAccessToken: whether the files want the API's credentials", met, "Files", ""},
	{"164 165 166 168 169 170 175", shall, "output: an item for each file, with type and absolute url, of one type each", met, "Manifest", ""},
	{"178", shall, "count is the number of resources", met, "Manifest", ""},
	{"167 173", should, "nothing found: an empty array, and no item for a type without resources", met, "Nothing", ""},
	{"171 172", may, "several files for a type, of different sizes", met, "Several", ""},
	{"174", may, "contained resources", met, "Lines", ""},
	{"176", should, "files have the format asked for", met, "OutputFormat", ""},
	{"177", may, "count", met, "Manifest", ""},
	{"180 181 187 188 189 190", shall, "deleted: files of transaction Bundles with DELETE", met, "Deleted", ""},
	{"186", shall, "what is in deleted is not in output", met, "Deleted", ""},
	{"182", should, "deleted with _since", met, "Deleted", ""},
	{"179 183 184 185", may, "deleted can be missing", met, "Manifest", ""},
	{"191 192 193 196", shall, "error: an array of files of OperationOutcomes", met, "Partial", ""},
	{"194", should, "errors and warnings are there, and not in output", met, "Partial", ""},
	{"195", should, "without messages it is empty", met, "Manifest", ""},
	{"197", should, "one OperationOutcome for each parameter that was carried on without", met, "Lenient", ""},
	{"198 199", shall, "extension, where there is one, is an object", met, "Manifest", ""},

	{"14 23 24 25 204 206 207 208 209", shall, "files: 200, application/fhir+ndjson, a resource a line", met, "Files", ""},
	{"210", shall, "a file that can't be had is 4XX or 5XX", met, "Files", ""},
	{"202", shall, "only the latest version of a resource", met, "Lines", ""},
	{"203", may, "meta is there", met, "Lines", ""},
	{"211 212", should, "attachments have a contentType, and data or url", unmet, "", "they are exported as they are stored"},
	{"213", shall, "the url of an attachment is absolute", met, "Attachments", "with SLUICE_ATTACHMENT_BASE_URL"},
	{"214 215 216", shall, "attachments can be had with what the files want", elsewhere, "", "they are on the FHIR server, whose matter it is"},
	{"217", should, "the CapabilityStatement and the documentation say what is implemented", met, "Documented", ""},
	{"220", should, "the requirements of the guide's CapabilityStatement", met, "Capabilities", ""},

	{"B1", shall, "separate-export-status: X-Export-Status and Preference-Applied", met, "SeparateStatus", ""},
	{"B2", may, "_until", met, "Since", ""},
	{"B3", shall, "_typeFilter: several for a type are any of them; no result parameters", met, "TypeFilter", ""},
	{"B4", may, "chained search parameters", unmet, "", "a search through other resources is refused"},
	{"B5", shall, "organizeOutputBy: blocks with headers, repeated where a block goes on in another file; continuesInFile", met, "Organized", "Patient alone"},
	{"B6", may, "resources without a link to the organising type are omitted", met, "Unlinked", "and told in error"},
	{"B7", may, "allowPartialManifests: files are shown early, and stay as they were shown", met, "Pages", "that they are early: tested in worker and api"},
	{"B8", shall, "manifests linked by next agree with each other", met, "Pages", ""},
	{"B9", shall, "links without an access token live as shortly as a token: 300 s", unmet, "", "an hour by default, since downloads take longer; SLUICE_LINK_TTL=5m does it"},
	{"B10", shall, "files come plain or compressed, and say so", met, "Files", ""},
	{"B11", may, "links are made anew when the manifest is asked for again", elsewhere, "", "tested in api"},
	{"B12", should, "a group that is not there, or not for the client, is refused", met, "Groups", ""},
	{"B13", shall, "the CapabilityStatement has the operations, types and search parameters, and marks those that an export does not know", met, "Capabilities", ""},
	{"B14", may, "creation of cohorts", unmet, "", "groups are those of the tables"},

	{"C1", shall, "_maximumFileSize: no file is larger, unless by a single resource; it is greater than _minimumFileSize", met, "Several", ""},
	{"C2", should, "_minimumFileSize: files are no smaller, unless for the maximum", met, "FileSizes", "the rest is tested in worker; see Parameters for what is left over"},
}
