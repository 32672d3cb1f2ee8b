package sample

// Code systems.
const (
	snomed = "http://snomed.info/sct"
	loinc  = "http://loinc.org"
	rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
	cvx    = "http://hl7.org/fhir/sid/cvx"
	icd10  = "http://hl7.org/fhir/sid/icd-10"
	ucum   = "http://unitsofmeasure.org"

	hl7   = "http://terminology.hl7.org/CodeSystem/"
	ext   = "http://hl7.org/fhir/StructureDefinition/"
	usExt = "http://hl7.org/fhir/us/core/StructureDefinition/"
	home  = "https://sluice.example/"
)

var familyNames = []string{
	"Nováková", "Müller", "García", "O’Connor", "Łukasiewicz", "Иванова", "山田", "김", "Nguyễn", "Þórsdóttir",
	"van den Berg", "Öztürk", "Papadopoulos", "Παπαδόπουλος", "Smith", "Haddad", "حداد", "Okafor", "Silva", "D’Angelo",
	"Kowalczyk", "Björk", "Dvořák", "Sørensen", "Ionescu", "Tamm", "Kaya", "Rossi", "Ferreira", "Levi",
}

var givenNames = map[string][]string{
	"female": {"Zoë", "Анна", "María José", "花子", "Søs", "Amina", "Chloé", "Ingrid", "Léa", "Olena", "Fatma", "Grace", "Ngozi", "Yuki", "Eva"},
	"male":   {"José", "Иван", "太郎", "Jürgen", "Émile", "Tomás", "Ömer", "Liam", "Kwame", "Bjørn", "Mateusz", "Σωκράτης", "Minh", "Omar", "Noah"},
	"other":  {"Sascha", "Robin", "Kim", "Alex", "Nikita"},
}

var cities = []struct{ city, state, postalCode, country string }{
	{"Zürich", "ZH", "8001", "CH"}, {"Kraków", "MA", "31-007", "PL"}, {"São Paulo", "SP", "01000-000", "BR"},
	{"Αθήνα", "Attica", "105 57", "GR"}, {"東京", "東京都", "100-0001", "JP"}, {"Malmö", "Skåne", "211 20", "SE"},
	{"Reykjavík", "", "101", "IS"}, {"Galway", "Connacht", "H91", "IE"}, {"Springfield", "MA", "01101", "US"},
	{"Київ", "", "01001", "UA"}, {"Québec", "QC", "G1R 2J6", "CA"}, {"Łódź", "LD", "90-001", "PL"},
}

var streets = []string{"Hauptstraße", "Rue de l’Église", "Calle Mayor", "Main Street", "Ulica Długa", "Storgatan", "Οδός Ερμού"}

var conditions = []code{
	{snomed, "38341003", "Hypertensive disorder"}, {snomed, "44054006", "Diabetes mellitus type 2"},
	{snomed, "195967001", "Asthma"}, {snomed, "444814009", "Viral sinusitis"}, {snomed, "10509002", "Acute bronchitis"},
	{snomed, "55822004", "Hyperlipidemia"}, {snomed, "37796009", "Migraine"}, {snomed, "271737000", "Anemia"},
	{snomed, "162864005", "Body mass index 30+ - obesity"}, {snomed, "73595000", "Stress"}, {icd10, "J45.9", "Asthma, unspecified"},
	{icd10, "I10", "Essential (primary) hypertension"},
}

var procedures = []code{
	{snomed, "430193006", "Medication reconciliation"}, {snomed, "76601001", "Intramuscular injection"},
	{snomed, "80146002", "Excision of appendix"}, {snomed, "73761001", "Colonoscopy"}, {snomed, "40701008", "Echocardiography"},
	{snomed, "399208008", "Plain chest X-ray"}, {snomed, "43075005", "Partial resection of colon"}, {snomed, "71388002", "Procedure"},
}

var drugs = []code{
	{rxnorm, "314076", "lisinopril 10 MG Oral Tablet"}, {rxnorm, "860975", "metformin hydrochloride 500 MG 24HR Extended Release Oral Tablet"},
	{rxnorm, "310965", "ibuprofen 200 MG Oral Tablet"}, {rxnorm, "308182", "amoxicillin 250 MG Oral Capsule"},
	{rxnorm, "313782", "acetaminophen 325 MG Oral Tablet"}, {rxnorm, "745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"},
	{rxnorm, "617312", "atorvastatin 20 MG Oral Tablet"}, {rxnorm, "197361", "amlodipine 5 MG Oral Tablet"},
}

var vaccines = []code{
	{cvx, "140", "Influenza, seasonal, injectable, preservative free"}, {cvx, "113", "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed"},
	{cvx, "208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"}, {cvx, "33", "pneumococcal polysaccharide PPV23"}, {cvx, "121", "zoster live"},
}

var allergens = []code{
	{snomed, "91936005", "Allergy to penicillin"}, {snomed, "300913006", "Allergy to shellfish"}, {snomed, "91935009", "Allergy to peanut"},
	{snomed, "419474003", "Allergy to mould"}, {snomed, "232350006", "House dust mite allergy"}, {snomed, "418689008", "Allergy to grass pollen"},
}

var services = []code{
	{loinc, "24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"}, {loinc, "58410-2", "CBC panel - Blood by Automated count"},
	{loinc, "57698-3", "Lipid panel with direct LDL - Serum or Plasma"}, {loinc, "24356-8", "Urinalysis complete panel - Urine"},
}

var notes = []string{
	"Patient klagt über Kopfschmerzen; keine Übelkeit.", "Kontrole za 3 měsíce – dříve při potížích.",
	"Febre há 2 dias, sem tosse.", "Seen with mother. Says: \"it hurts less\".", "再診：症状は改善しています。",
	"Без температуры, аппетит хороший.", "Rash on L forearm → cream twice daily 🩺", "Temperature\tstable;\nfluids encouraged.",
}
