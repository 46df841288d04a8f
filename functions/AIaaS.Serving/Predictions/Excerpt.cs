namespace AIaaS.Serving.Predictions;

/// <summary>Texts of callers in messages to them: short enough to read.</summary>
internal static class Excerpt
{
    private const int MaxLength = 40;

    public static string Of(string text) => text.Length <= MaxLength
        ? text
        : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[MaxLength - 1]) ? MaxLength - 1 : MaxLength), "…");
}
