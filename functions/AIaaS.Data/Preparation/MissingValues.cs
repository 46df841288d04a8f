using System.Buffers;
using System.Text;

namespace AIaaS.Data.Preparation;

/// <summary>Texts in delimited files that stand for a missing value; the list of pandas' <c>read_csv</c>, and the question mark of the UCI repository.</summary>
internal static class MissingValues
{
    public static readonly string[] Texts =
    [
        "", "NA", "N/A", "n/a", "na", "<NA>", "#N/A", "#NA", "#N/A N/A",
        "NULL", "null", "Null", "None", "NaN", "nan", "-NaN", "-nan", "NaT", "?",
    ];

    private static readonly byte[][] Utf8Texts = [.. Texts.Select(Encoding.UTF8.GetBytes)];

    private static readonly SearchValues<byte> FirstBytes = SearchValues.Create([.. Utf8Texts.Where(text => text.Length > 0).Select(text => text[0])]);

    private static readonly int Longest = Texts.Max(text => text.Length);

    /// <summary>Whether a field without surrounding blanks is missing.</summary>
    public static bool Contains(ReadOnlySpan<byte> trimmed)
    {
        if (trimmed.Length > Longest || (!trimmed.IsEmpty && !FirstBytes.Contains(trimmed[0])))
            return false;
        foreach (byte[] text in Utf8Texts)
        {
            if (trimmed.SequenceEqual(text))
                return true;
        }
        return false;
    }
}
