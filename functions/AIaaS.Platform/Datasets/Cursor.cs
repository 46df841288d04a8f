using System.Globalization;
using System.Text;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Datasets;

/// <summary>A place in a version's rows, as callers hand it back: pages of one listing are of one version, whatever newer ones there are.</summary>
internal readonly record struct Cursor(int Version, long Place)
{
    /// <exception cref="ProblemException">It is none that a page gave.</exception>
    public static Cursor? Parse(string? continuation)
    {
        if (continuation is null)
        {
            return null;
        }

        try
        {
            var padded = continuation.Replace('-', '+').Replace('_', '/').PadRight((continuation.Length + 3) / 4 * 4, '=');
            if (Encoding.ASCII.GetString(Convert.FromBase64String(padded)).Split(':') is [var version, var place]
                && int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
                && long.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out var at))
            {
                return new Cursor(number, at);
            }
        }
        catch (FormatException)
        {
            // Said below, in the caller's words.
        }

        throw new ProblemException(Problem.InvalidValue, "'continuation' must be the one that the page before gave.") { Field = "continuation" };
    }

    public override string ToString()
        => Convert.ToBase64String(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Version}:{Place}"))).Replace('+', '-').Replace('/', '_').TrimEnd('=');
}
