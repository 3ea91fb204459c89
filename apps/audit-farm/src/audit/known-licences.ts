/** How the text of a licence is told from others: by what it says, without punctuation and in small letters. */
interface KnownLicence {
  readonly id: string;
  /** All of these are in it. */
  readonly says: readonly RegExp[];
  /** None of these is. */
  readonly never?: readonly RegExp[];
}

const BSD = /redistribution and use in source and binary forms with or without modification are permitted/;
const BSD_ENDORSE = /endorse or promote products/;
const BSD_ADVERTISING = /all advertising materials mentioning features or use/;
const ISC = /permission to use copy modify and (?:or )?distribute this software for any purpose with or without fee is hereby granted/;
const ISC_NOTICE = /provided that the above copyright notice and this permission notice appear in all copies/;
const MIT =
  /permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files/;
const MIT_NOTICE =
  /the above copyright notice and this permission notice (?:including the next paragraph )?shall be included in all copies/;
const PSF = /python software foundation license version 2/;
const BEOPEN = /beopen python open source license agreement/;

const KNOWN: readonly KnownLicence[] = [
  { id: "0BSD", says: [ISC], never: [ISC_NOTICE] },
  { id: "AGPL-3.0", says: [/gnu affero general public license version 3 19 november 2007/] },
  { id: "Apache-2.0", says: [/apache license version 2 0/] },
  { id: "Artistic-2.0", says: [/the artistic license 2 0/] },
  { id: "BSD-2-Clause", says: [BSD], never: [BSD_ENDORSE, BSD_ADVERTISING] },
  { id: "BSD-3-Clause", says: [BSD, BSD_ENDORSE], never: [BSD_ADVERTISING] },
  { id: "BSD-4-Clause", says: [BSD, BSD_ENDORSE, BSD_ADVERTISING] },
  { id: "BSL-1.0", says: [/boost software license version 1 0/] },
  { id: "BlueOak-1.0.0", says: [/blue oak model license/, /version 1 0 0/] },
  { id: "CC-BY-3.0", says: [/(?:attribution 3 0 unported|creative commons attribution 3 0)/] },
  { id: "CC-BY-4.0", says: [/attribution 4 0 international/] },
  { id: "CC-BY-SA-4.0", says: [/attribution sharealike 4 0 international/] },
  { id: "CC0-1.0", says: [/cc0 1 0 universal/] },
  { id: "EPL-1.0", says: [/eclipse public license v(?:ersion)? 1 0/] },
  { id: "EPL-2.0", says: [/eclipse public license v(?:ersion)? 2 0/] },
  { id: "GPL-2.0", says: [/gnu general public license version 2 june 1991/] },
  { id: "GPL-3.0", says: [/gnu general public license version 3 29 june 2007/] },
  { id: "ISC", says: [ISC, ISC_NOTICE] },
  { id: "LGPL-2.1", says: [/gnu lesser general public license version 2 1 february 1999/] },
  { id: "LGPL-3.0", says: [/gnu lesser general public license version 3 29 june 2007/] },
  { id: "MIT", says: [MIT, MIT_NOTICE] },
  { id: "MIT-0", says: [MIT], never: [MIT_NOTICE] },
  { id: "MPL-2.0", says: [/mozilla public license v(?:ersion)? ?2 0/] },
  { id: "OFL-1.1", says: [/sil open font license version 1 1/] },
  { id: "PSF-2.0", says: [PSF], never: [BEOPEN] },
  { id: "Python-2.0", says: [PSF, BEOPEN] },
  { id: "Unlicense", says: [/this is free and unencumbered software released into the public domain/] },
  { id: "WTFPL", says: [/do what the fuck you want to public license/] },
  { id: "Zlib", says: [/altered source versions must be plainly marked as such/] },
];

/** The ids of the licences whose texts are in a text, in order. Editions of one text ("only", "or later") can't be told apart and have its plain id. */
export function recogniseLicences(text: string): readonly string[] {
  const words = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ")
    .trim();
  return KNOWN.filter(
    ({ says, never = [] }) => says.every((phrase) => phrase.test(words)) && !never.some((phrase) => phrase.test(words)),
  ).map(({ id }) => id);
}
