namespace AIaaS.Data.Masking;

/// <summary>What the name of a column says about its values: bare digits are a telephone number in one column and a price in another.</summary>
[Flags]
internal enum SensitiveHints
{
    None = 0,
    Phone = 1,
    Card = 2,
    SocialSecurity = 4,
    TaxNumber = 8,
    CitizenNumber = 16,
}

internal static class SensitiveHintsOf
{
    private static readonly (SensitiveHints Hint, string[] Words)[] Words =
    [
        (SensitiveHints.Phone, ["phone", "telephone", "tel", "telefon", "telefono", "telefoon", "mobile", "mobil", "cell", "cellphone", "fax", "handy", "portable"]),
        (SensitiveHints.Card, ["card", "cardnumber", "creditcard", "cc", "pan", "karte", "kreditkarte", "carte", "tarjeta"]),
        (SensitiveHints.SocialSecurity, ["ssn", "social", "socialsecurity"]),
        (SensitiveHints.TaxNumber, ["steuerid", "steuer", "steuernummer", "idnr", "tin", "taxid", "tax"]),
        (SensitiveHints.CitizenNumber, ["bsn", "burgerservicenummer", "sofinummer"]),
    ];

    /// <summary>The words of <c>home_phone</c>, <c>homePhone</c> and <c>Home phone 2</c> are told apart; the word <c>microphone</c> hints at nothing.</summary>
    public static SensitiveHints Name(string name)
    {
        var hints = SensitiveHints.None;
        foreach (string word in WordsOf(name))
        {
            foreach ((SensitiveHints hint, string[] words) in Words)
            {
                if (words.Contains(word))
                    hints |= hint;
            }
        }
        return hints;
    }

    private static IEnumerable<string> WordsOf(string name)
    {
        int start = 0;
        for (int i = 0; i <= name.Length; i++)
        {
            bool ends = i == name.Length || !char.IsLetter(name[i]);
            bool begins = !ends && i > start && char.IsUpper(name[i]) && char.IsLower(name[i - 1]);
            if (!ends && !begins)
                continue;
            if (i > start)
                yield return name[start..i].ToLowerInvariant();
            start = ends ? i + 1 : i;
        }
    }
}
