package bench

// The documents of the data set are made by the server: all by arithmetic on
// the row's number i, so that the same size gives the same data.

// toolsSQL creates the building blocks of documents. prose is text with a vocabulary as
// narrow as that of clinical notes, noise is data that cannot be compressed. Both are
// stored uncompressed and out of line, so that reading a slice costs its length.
const toolsSQL = `
CREATE TYPE resource_status AS ENUM ('created', 'updated', 'deleted', 'recreated');

CREATE FUNCTION below(n bigint, i bigint, salt bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(i, salt) & 9223372036854775807) % n;

CREATE FUNCTION pick(words text[], i bigint, salt bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN words[1 + below(cardinality(words), i, salt)];

CREATE FUNCTION uid(kind text, i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(kind || i)::uuid::text;

CREATE FUNCTION moment(i bigint, salt bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(timestamp '2015-01-01' + below(315360000, i, salt) * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');

CREATE TABLE pool (prose bytea, noise bytea);
ALTER TABLE pool ALTER prose SET STORAGE EXTERNAL, ALTER noise SET STORAGE EXTERNAL;
INSERT INTO pool SELECT
  (SELECT convert_to(string_agg(pick('{the,patient,reports,denies,pain,fever,no,mild,severe,chronic,acute,left,right,chest,abdomen,and,with,
    without,history,of,since,last,night,week,improved,worse,after,before,exercise,dose,tablet,daily,twice,blood,pressure,pulse,regular,
    normal,elevated,low,lungs,clear,heart,sounds,soft,tender,swelling,oedema,skin,warm,dry,oriented,alert,advised,to,return,if,symptoms,
    persist,follow-up,in,clinic,weeks,laboratory,results,pending,reviewed,stable,unchanged,"\"as needed\"","\nPlan:"}'::text[], i, 1)
    || CASE below(9, i, 2) WHEN 0 THEN '. ' WHEN 1 THEN ' ' || below(180, i, 3) || ' ' ELSE ' ' END, ''), 'UTF8')
   FROM generate_series(1, 300000) i),
  (SELECT string_agg(decode(md5(i::text), 'hex'), ''::bytea) FROM generate_series(1, 300000) i);

-- Prose as a JSON string, and noise in base64.
CREATE FUNCTION prose(length bigint, i bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT to_json(convert_from(substr(prose, 1 + below(1500000, i, 4)::int, length::int), 'UTF8'))::text FROM pool);

CREATE FUNCTION noise(length bigint, i bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT translate(encode(substr(noise, 1 + below(900000, i, 5)::int, length::int * 3 / 4), 'base64'), E'\n', '') FROM pool);
`

// kind is a resource type of the data set.
type kind struct {
	name  string
	share float64 // of the bytes
	size  int64   // about how many bytes of text a document has
	sql   string  // an expression of jsonb over i
}

// subject is the type that is dumped: it is most of the data.
const subject = "Observation"

// small is a type that costs next to nothing.
const small = "Practitioner"

var kinds = []kind{
	{subject, 0.60, 1365, observationSQL},
	{"Encounter", 0.12, 1670, encounterSQL},
	{"Patient", 0.08, 1530, patientSQL},
	{"DiagnosticReport", 0.08, 8000, reportSQL},
	{"DocumentReference", 0.10, 60_000, documentSQL},
	{"Binary", 0.02, 5_000_000, binarySQL},
	{small, 0, 200, practitionerSQL},
}

// rows is how many documents of a kind a data set of size bytes has: one at the
// least, so that a small set has all that is special, too.
func (k kind) rows(size int64) int64 {
	return max(int64(k.share*float64(size))/k.size, 1)
}

const observationSQL = `format('{"status": "final", "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "%s", "display": "%s"}]}],
  "code": {"coding": [{"system": "http://loinc.org", "code": "%s-%s", "display": "%s"}], "text": "%s"},
  "subject": {"resourceType": "Patient", "id": "%s", "display": "%s %s"}, "encounter": {"resourceType": "Encounter", "id": "%s"},
  "effective": {"dateTime": "%s"}, "issued": "%s", "performer": [{"resourceType": "Practitioner", "id": "%s"}],
  "value": {"Quantity": {"value": %s.%s, "unit": "%s", "system": "http://unitsofmeasure.org", "code": "%s"}},
  "interpretation": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "%s"}]}],
  "referenceRange": [{"low": {"value": %s, "unit": "mmol/L"}, "high": {"value": %s, "unit": "mmol/L"}, "text": "adults"}], "note": [{"text": %s}]}',
  pick('{vital-signs,laboratory,survey}', i, 10), pick('{Vital Signs,Laboratory,Survey}', i, 10), below(90000, i, 11), below(10, i, 12),
  pick('{Heart rate,Systolic blood pressure,Body temperature,Glucose [Moles/volume] in Serum or Plasma,Sodium,Potassium,Haemoglobin A1c,Creatinine}', i, 13),
  pick('{Heart rate,Systolic blood pressure,Body temperature,Glucose,Sodium,Potassium,HbA1c,Creatinine}', i, 13),
  uid('Patient', below(50000, i, 14)), pick('{Anna,Bela,Carla,David,Erik,Fatima,Goran,Hanna}', i, 15), pick('{Adler,Berg,Costa,Dvorak,Eriksen,Fischer,Garcia,Horvat}', i, 16),
  uid('Encounter', below(60000, i, 17)), moment(i, 18), moment(i, 18), uid('Practitioner', below(1000, i, 19)),
  below(180, i, 20), below(100, i, 21), pick('{mmol/L,beats/minute,Cel,mm[Hg]}', i, 22), pick('{mmol/L,/min,Cel,mm[Hg]}', i, 22), pick('{N,N,N,H,L}', i, 23),
  below(5, i, 24), 5 + below(90, i, 25), prose(below(600, i, 26), i))::jsonb`

const encounterSQL = `format('{"status": "finished", "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "%s"},
  "type": [{"coding": [{"system": "http://snomed.info/sct", "code": "%s", "display": "%s"}], "text": "%s"}],
  "subject": {"resourceType": "Patient", "id": "%s"}, "period": {"start": "%s", "end": "%s"},
  "participant": [{"individual": {"resourceType": "Practitioner", "id": "%s", "display": "Dr %s"}, "period": {"start": "%s"}, "type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PPRF", "display": "primary performer"}]}]},
    {"individual": {"resourceType": "Practitioner", "id": "%s"}, "type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "ATND"}]}]}],
  "location": [{"location": {"resourceType": "Location", "id": "%s", "display": "Ward %s"}, "status": "completed"}],
  "serviceProvider": {"resourceType": "Organization", "id": "%s"}, "reasonCode": [{"text": %s}]}',
  pick('{AMB,IMP,EMER,HH}', i, 30), below(999999999, i, 31), pick('{Consultation,Follow-up visit,Emergency room admission,Well child visit}', i, 32), pick('{Consultation,Follow-up,Emergency,Check-up}', i, 32),
  uid('Patient', below(50000, i, 33)), moment(i, 34), moment(i, 35), uid('Practitioner', below(1000, i, 36)), pick('{Adler,Berg,Costa,Dvorak}', i, 37), moment(i, 34),
  uid('Practitioner', below(1000, i, 38)), uid('Location', below(300, i, 39)), below(30, i, 40), uid('Organization', below(100, i, 41)), prose(below(900, i, 42), i))::jsonb`

const patientSQL = `format('{"active": true, "gender": "%s", "birthDate": "%s", "identifier": [{"system": "urn:oid:2.16.840.1.113883.4.1", "value": "%s", "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "SS"}]}}, {"system": "http://hospital.example.org/mrn", "value": "%s"}],
  "name": [{"use": "official", "family": "%s", "given": ["%s", "%s"], "period": {"start": "%s"}}, {"use": "nickname", "given": ["%s"]}],
  "telecom": [{"system": "phone", "value": "+43 %s", "use": "mobile", "rank": 1}, {"system": "email", "value": "%s@example.org"}],
  "address": [{"use": "home", "line": ["%s %s"], "city": "%s", "postalCode": "%s", "country": "AT"}], "multipleBirth": {"integer": %s}, "deceased": {"boolean": false},
  "maritalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "%s"}]},
  "managingOrganization": {"resourceType": "Organization", "id": "%s"}, "generalPractitioner": [{"resourceType": "Practitioner", "id": "%s"}],
  "contact": [{"name": {"family": "%s"}, "telecom": [{"system": "phone", "value": "+43 %s"}]}], "text": {"status": "generated", "div": %s}}',
  pick('{male,female}', i, 50), left(moment(i, 51), 10), below(999999999, i, 52), uid('mrn', i), pick('{Adler,Berg,Costa,Dvorak,Eriksen,Fischer,Garcia,Horvat}', i, 53), pick('{Anna,Bela,Carla,David}', i, 54),
  pick('{Maria,Josef,Ida,Karl}', i, 55), moment(i, 56), pick('{Annie,Bel,Car,Dave}', i, 54), below(9999999999, i, 57), uid('mail', i), pick('{Main Street,Station Road,Church Lane,Mill Hill}', i, 58), below(200, i, 59),
  pick('{Vienna,Graz,Linz,Salzburg,Innsbruck}', i, 60), 1000 + below(9000, i, 61), below(3, i, 62), pick('{M,S,D,W}', i, 63), uid('Organization', below(100, i, 64)), uid('Practitioner', below(1000, i, 65)),
  pick('{Adler,Berg,Costa,Dvorak}', i, 66), below(9999999999, i, 67), prose(below(400, i, 68), i))::jsonb`

// Reports have 1 to 40 results, so most are stored out of line.
const reportSQL = `format('{"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "58410-2", "display": "CBC panel - Blood by Automated count"}]},
  "subject": {"resourceType": "Patient", "id": "%s"}, "effective": {"dateTime": "%s"}, "issued": "%s", "result": [%s], "conclusion": %s}',
  uid('Patient', below(50000, i, 70)), moment(i, 71), moment(i, 72),
  (SELECT string_agg(format('{"resourceType": "Observation", "id": "%s", "display": "%s %s"}', uid('Observation', i * 40 + n), pick('{Leukocytes,Erythrocytes,Haemoglobin,Haematocrit,Platelets}', n, i), below(500, n, i)), ', ') FROM generate_series(1, 1 + below(40, i, 73)) n),
  prose(below(11000, i, 74), i))::jsonb`

const documentSQL = `format('{"status": "current", "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9", "display": "Summary of episode note"}]},
  "subject": {"resourceType": "Patient", "id": "%s"}, "date": "%s", "content": [{"attachment": {"contentType": "%s", "title": "%s.pdf", "data": "%s"}}], "text": {"status": "generated", "div": %s}}',
  uid('Patient', below(50000, i, 80)), moment(i, 81), pick('{application/pdf,image/jpeg}', i, 82), uid('title', i), noise(20000 + below(40000, i, 83), i), prose(below(40000, i, 84), i))::jsonb`

// Its data are longer than the pool.
const binarySQL = `jsonb_build_object('contentType', 'application/dicom', 'securityContext', jsonb_build_object('resourceType', 'Patient', 'id', uid('Patient', i)),
  'data', (SELECT string_agg(noise(1000000, i * 10 + n), '') FROM generate_series(1, 5) n))`

const practitionerSQL = `format('{"active": true, "name": [{"family": "%s", "given": ["%s"]}], "identifier": [{"system": "http://hospital.example.org/staff", "value": "%s"}], "gender": "%s"}',
  pick('{Adler,Berg,Costa,Dvorak}', i, 90), pick('{Anna,Bela,Carla,David}', i, 91), uid('staff', i), pick('{male,female}', i, 92))::jsonb`
