using System.Text;
using System.Text.RegularExpressions;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform;

/// <summary>Names that users choose, checked once where they enter.</summary>
public static partial class Names
{
    /// <summary>Names of tenants, data sets, pipelines, models, endpoints and runs.</summary>
    public const string Pattern = "[a-z0-9][a-z0-9-]{0,62}";

    public static bool IsName(string? value) => value is not null && NameRegex().IsMatch(value);

    /// <summary>A file's own name: no separators, not hidden, not half-written, at most 200 characters and <see cref="LongestFileName"/> bytes.</summary>
    public static bool IsFileName(string? value) => value is not null && FileNameRegex().IsMatch(value)
        && Encoding.UTF8.GetByteCount(value) <= LongestFileName
        && !value.EndsWith(".part", StringComparison.OrdinalIgnoreCase) && !value.EndsWith(".tmp", StringComparison.OrdinalIgnoreCase);

    /// <summary>In bytes of UTF-8: what file systems hold, less what a store puts behind a name.</summary>
    private const int LongestFileName = 240;

    /// <returns><paramref name="value"/> itself.</returns>
    /// <exception cref="ProblemException">The value is out of pattern.</exception>
    public static string Require(string? value, string field) => IsName(value)
        ? value!
        : throw new ProblemException(Problem.InvalidName,
            $"'{field}' must be 1 to 63 characters of a-z, 0-9 and '-', beginning with a letter or digit.")
        { Field = field };

    /// <inheritdoc cref="Require"/>
    public static string RequireFileName(string? value, string field) => IsFileName(value)
        ? value!
        : throw new ProblemException(Problem.InvalidName,
            $"'{field}' must be a file name of at most 200 letters, digits, spaces and '._-()' (240 bytes in UTF-8), not beginning with '.' and not ending in '.part' or '.tmp'.")
        { Field = field };

    [GeneratedRegex("^" + Pattern + "\\z", RegexOptions.CultureInvariant)]
    private static partial Regex NameRegex();

    [GeneratedRegex("^[\\p{L}\\p{N}_(-][\\p{L}\\p{N}_ ().-]{0,199}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex FileNameRegex();
}
