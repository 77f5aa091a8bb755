"""Every check by name: how much it weighs, what it says, and what to do about it."""

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.doctor.findings import FAULT, NOTE, WARNING, Check

GROUPS = {
    "names": Bilingual("Navn på filer", "Names of files"),
    "contents": Bilingual("Innhold i filer", "Contents of files"),
    "code": Bilingual("Program", "Programs"),
    "versions": Bilingual("Versjoner", "Versions"),
    "persons": Bilingual("Personopplysninger", "Personal data"),
    "outputs": Bilingual("Resultater", "Outputs"),
    "documents": Bilingual("Dokumenter", "Documents"),
    "machine": Bilingual("Maskinen", "The machine"),
    "exceptions": Bilingual("Unntak", "Exceptions"),
}


def _make(group: str, severity: str, nb: tuple[str, str], en: tuple[str, str]) -> Check:
    return Check(group, severity, Bilingual(nb[0], en[0]), Bilingual(nb[1], en[1]))


CHECKS: dict[str, Check] = {
    "unportable-name": _make(
        "names",
        FAULT,
        ("navn som andre systemer ikke kan ha", "gi filen et annet navn"),
        ("a name that other systems cannot have", "rename the file"),
    ),
    "undecodable-name": _make(
        "names",
        FAULT,
        ("navn som ikke er UTF-8", "gi filen et navn i UTF-8"),
        ("a name that is not UTF-8", "rename the file, in UTF-8"),
    ),
    "case-clash": _make(
        "names",
        FAULT,
        (
            "navn som er like der store og små bokstaver er like",
            "gi en av dem et annet navn: på Windows og macOS blir bare én igjen",
        ),
        (
            "names that are the same where capitals do not count",
            "rename one of them: Windows and macOS keep one only",
        ),
    ),
    "awkward-name": _make(
        "names",
        WARNING,
        (
            "navn med blanke eller bokstaver utenfor a-z",
            "bruk a-z, 0-9, _ og -: program og arkiver deler eller ødelegger andre navn",
        ),
        (
            "a name with blanks or letters other than a-z",
            "use a-z, 0-9, _ and -: programs and archives split or spoil other names",
        ),
    ),
    "long-path": _make(
        "names",
        WARNING,
        ("svært lang sti", "bruk kortere navn: Windows tar 260 tegn i alt"),
        ("a very long path", "use shorter names: Windows takes 260 characters in all"),
    ),
    "link": _make(
        "names",
        WARNING,
        ("lenke som ikke virker andre steder", "legg inn selve filen"),
        ("a link that does not work elsewhere", "put the file itself there"),
    ),
    "not-a-file": _make(
        "names",
        WARNING,
        ("verken fil eller mappe", "ta den ut av mappen: den kan ikke kopieres"),
        ("neither file nor folder", "take it out of the folder: it cannot be copied"),
    ),
    "too-many-files": _make(
        "names",
        WARNING,
        ("for mange filer til at alle ble sett på", "nevn prosjektets egen mappe"),
        ("too many files to look at all of them", "name the folder of the project itself"),
    ),
    "unreadable-file": _make(
        "contents",
        FAULT,
        ("kan ikke leses", "se hvem som har lov til å lese den"),
        ("cannot be read", "see who may read it"),
    ),
    "empty-file": _make(
        "contents",
        FAULT,
        ("tom fil", "slett den, eller lag den på nytt"),
        ("empty file", "delete it, or make it again"),
    ),
    "duplicate-file": _make(
        "contents",
        WARNING,
        ("samme innhold to steder", "behold én av dem"),
        ("the same contents in two places", "keep one of them"),
    ),
    "partly-read": _make(
        "contents",
        NOTE,
        ("så stor at bare begynnelsen ble lest", "bruk --deep for å lese alt"),
        ("so large that its beginning only was read", "use --deep to read all"),
    ),
    "absolute-path": _make(
        "code",
        FAULT,
        ("sti som bare finnes på én maskin", "skriv stien fra prosjektets mappe"),
        ("a path that exists on one machine only", "write it from the folder of the project"),
    ),
    "backslash-path": _make(
        "code",
        FAULT,
        ("sti med omvendt skråstrek", "skriv / i stier: det virker også på Windows"),
        ("a path with backslashes", "write / in paths: it works on Windows, too"),
    ),
    "path-capitals": _make(
        "code",
        FAULT,
        (
            "sti som har andre store bokstaver enn filen",
            "skriv den som filen heter: på Linux finnes den ellers ikke",
        ),
        (
            "a path with other capitals than the file has",
            "write it as the file is called: on Linux it is not found otherwise",
        ),
    ),
    "missing-seed": _make(
        "code",
        FAULT,
        ("tilfeldige tall uten frø", "sett et frø, og skriv det i README"),
        ("random numbers without a seed", "set a seed, and state it in the README"),
    ),
    "unparsable-program": _make(
        "code",
        WARNING,
        ("program som ikke lar seg lese", "rett det: det kan heller ikke kjøre"),
        ("a program that cannot be parsed", "mend it: it cannot run either"),
    ),
    "unpinned-version": _make(
        "versions",
        FAULT,
        ("bibliotek uten nøyaktig versjon", "lås versjonene: navn==versjon, eller en låsefil"),
        ("a library without an exact version", "pin the versions: name==version, or a lock file"),
    ),
    "no-environment": _make(
        "versions",
        FAULT,
        (
            "program, men ingen fil sier hvilke biblioteker de trenger",
            "skriv requirements.txt, pyproject.toml, environment.yml, renv.lock eller lignende",
        ),
        (
            "programs, but no file says which libraries they need",
            "write requirements.txt, pyproject.toml, environment.yml, renv.lock or the like",
        ),
    ),
    "identity-number": _make(
        "persons",
        FAULT,
        ("fødselsnummer", "ta det ut, også av tidligere utgaver av filen"),
        ("national identity number", "take it out, also of earlier versions of the file"),
    ),
    "e-mail": _make(
        "persons",
        WARNING,
        ("e-postadresse blant data eller resultater", "ta den ut"),
        ("e-mail address among data or results", "take it out"),
    ),
    "phone-number": _make(
        "persons",
        WARNING,
        ("telefonnummer blant data eller resultater", "ta det ut"),
        ("phone number among data or results", "take it out"),
    ),
    "coordinates": _make(
        "persons",
        WARNING,
        ("nøyaktige koordinater i Norge", "rund av eller bruk kommune: et punkt kan være en bolig"),
        ("exact coordinates in Norway", "round them or use municipalities: a point may be a home"),
    ),
    "unsearched-file": _make(
        "persons",
        WARNING,
        ("data som ikke kunne gjennomsøkes", "se selv etter personopplysninger"),
        ("data that could not be searched", "look for personal data yourself"),
    ),
    "no-manifest": _make(
        "outputs",
        WARNING,
        ("resultater uten manifest", "la programmet som lager dem skrive manifest.json med kontrollsummer"),
        (
            "results without a manifest",
            "let the program that makes them write manifest.json with checksums",
        ),
    ),
    "damaged-manifest": _make(
        "outputs",
        FAULT,
        ("manifest som ikke kan leses", "kjør programmet som lager det på nytt"),
        ("a manifest that cannot be read", "run the program that makes it again"),
    ),
    "stale-input": _make(
        "outputs",
        FAULT,
        ("endret etter at resultatene ble laget", "lag resultatene på nytt"),
        ("changed after the results were made", "make the results again"),
    ),
    "outside-input": _make(
        "outputs",
        NOTE,
        (
            "inngangsdata som ikke er i mappen",
            "hold manifestets kontrollsum mot filen der den ligger, og si i README hvordan den skaffes",
        ),
        (
            "an input that is not in the folder",
            "compare its checksum with the file where it lies, and say in the README how to get it",
        ),
    ),
    "stale-output": _make(
        "outputs",
        FAULT,
        ("et annet innhold enn da den ble laget", "lag resultatene på nytt; rett aldri et resultat for hånd"),
        ("other contents than when it was made", "make the results again; never edit a result by hand"),
    ),
    "missing-output": _make(
        "outputs",
        FAULT,
        ("står i manifestet, men finnes ikke", "lag resultatene på nytt"),
        ("listed in the manifest, but not there", "make the results again"),
    ),
    "unlisted-output": _make(
        "outputs",
        FAULT,
        (
            "resultat som ingen liste nevner",
            "slett det, eller la programmet som lager det føre det i listen",
        ),
        ("an output that no list names", "delete it, or let the program that makes it list it"),
    ),
    "unmade-output": _make(
        "outputs",
        FAULT,
        ("resultat som ingenting lager", "si hvilket program som lager det, eller slett det"),
        ("an output that nothing makes", "say which program makes it, or delete it"),
    ),
    "unnamed-output": _make(
        "outputs",
        WARNING,
        ("resultat som ikke noe program nevner", "si hvilket program som lager det, eller slett det"),
        ("an output that no program names", "say which program makes it, or delete it"),
    ),
    "no-readme": _make(
        "documents",
        FAULT,
        ("ingen README", "skriv en README etter malen til Social Science Data Editors"),
        ("no README", "write a README by the template of the Social Science Data Editors"),
    ),
    "readme-part": _make(
        "documents",
        WARNING,
        ("del som README mangler", "legg den til under en egen overskrift"),
        ("a part that the README lacks", "add it under a heading of its own"),
    ),
    "no-licence": _make(
        "documents",
        FAULT,
        ("ingen lisens", "legg til LICENSE: uten den har ingen lov til å bruke koden"),
        ("no licence", "add LICENSE: without it nobody may use the code"),
    ),
    "no-citation": _make(
        "documents",
        WARNING,
        ("ingen CITATION.cff", "legg til CITATION.cff, så andre vet hvordan du skal siteres"),
        ("no CITATION.cff", "add CITATION.cff, so that others know how to cite you"),
    ),
    "citation-part": _make(
        "documents",
        FAULT,
        ("felt som CITATION.cff mangler", "legg det til"),
        ("a field that CITATION.cff lacks", "add it"),
    ),
    "no-codebook": _make(
        "documents",
        WARNING,
        ("data uten kodebok", "beskriv hver fil og hver kolonne, med enhet og kilde"),
        ("data without a codebook", "describe each file and each column, with unit and source"),
    ),
    "codebook-part": _make(
        "documents",
        WARNING,
        ("data som kodeboken ikke beskriver", "beskriv dem i kodeboken"),
        ("data that the codebook does not describe", "describe them in the codebook"),
    ),
    "python": _make(
        "machine",
        FAULT,
        ("Python er for gammel", "installer en nyere Python"),
        ("Python is too old", "install a newer Python"),
    ),
    "packages": _make(
        "machine",
        FAULT,
        ("bibliotek mangler eller er for gammelt", "installer pakken på nytt"),
        ("a library is missing or too old", "install the package again"),
    ),
    "memory": _make(
        "machine",
        WARNING,
        ("lite minne", "lukk andre program, eller bruk en annen maskin"),
        ("little memory", "close other programs, or use another machine"),
    ),
    "disk": _make(
        "machine",
        WARNING,
        ("lite plass på disken", "frigjør plass"),
        ("little room on the disk", "make room"),
    ),
    "fonts": _make(
        "machine",
        WARNING,
        ("skrift som figurene ber om mangler", "installer matplotlib på nytt: skriften følger med"),
        ("a font that the figures ask for is missing", "install matplotlib again: the font comes with it"),
    ),
    "encoding": _make(
        "machine",
        WARNING,
        ("filnavn eller tekst er ikke UTF-8", "sett PYTHONUTF8=1 eller et språkoppsett med UTF-8"),
        ("file names or text are not UTF-8", "set PYTHONUTF8=1 or a locale with UTF-8"),
    ),
    "threads": _make(
        "machine",
        WARNING,
        ("flere tråder enn prosessorer", "sett OMP_NUM_THREADS og lignende lavere"),
        ("more threads than processors", "set OMP_NUM_THREADS and the like lower"),
    ),
    "tool": _make(
        "machine",
        NOTE,
        ("valgfritt program mangler", "installer det hvis du trenger det"),
        ("an optional program is not there", "install it if you need it"),
    ),
    "network": _make(
        "machine",
        FAULT,
        ("Statistisk sentralbyrå svarer ikke", "se på nettverk og mellomtjener (HTTPS_PROXY)"),
        ("Statistics Norway does not answer", "look at network and proxy (HTTPS_PROXY)"),
    ),
    "unused-exception": _make(
        "exceptions",
        WARNING,
        ("unntak som ingenting lenger trenger", "ta det ut av doctor.toml"),
        ("an exception that nothing needs any more", "take it out of doctor.toml"),
    ),
}
