using System.Text;
using System.Text.RegularExpressions;

namespace AIaaS.LocalHost.Triggers;

/// <summary>
/// The path of a <c>[BlobTrigger]</c>: a literal container, '/', and a name in which <c>{capture}</c> takes any text, slashes
/// too, as much of it as the rest allows.
/// </summary>
internal sealed partial class BlobPathPattern
{
    private readonly List<string> _captures = [];
    private readonly Regex _name;

    /// <exception cref="ArgumentException">The pattern has no container or no name, or names a capture twice.</exception>
    public BlobPathPattern(string pattern)
    {
        var slash = pattern.IndexOf('/');
        if (slash <= 0 || slash == pattern.Length - 1 || pattern.AsSpan(0, slash).ContainsAny('{', '}'))
        {
            throw new ArgumentException($"The blob path '{pattern}' is not of the form 'container/name'.", nameof(pattern));
        }

        Container = pattern[..slash];
        var name = pattern[(slash + 1)..];
        var expression = new StringBuilder("^");
        var end = 0;
        foreach (Match capture in CapturePattern().Matches(name))
        {
            expression.Append(Regex.Escape(name[end..capture.Index])).Append("(.+)");
            end = capture.Index + capture.Length;
            if (_captures.Contains(capture.Groups[1].Value, StringComparer.OrdinalIgnoreCase))
            {
                throw new ArgumentException($"The blob path '{pattern}' names '{capture.Groups[1].Value}' twice.", nameof(pattern));
            }

            _captures.Add(capture.Groups[1].Value);
        }

        var brace = name.IndexOf('{');
        Prefix = brace < 0 ? name : name[..brace];
        if (name[end..].AsSpan().ContainsAny('{', '}') || Prefix.Contains('}'))
        {
            throw new ArgumentException($"The blob path '{pattern}' has a brace without its partner.", nameof(pattern));
        }

        expression.Append(Regex.Escape(name[end..])).Append("\\z");
        _name = new Regex(expression.ToString(), RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.NonBacktracking);
    }

    public string Container { get; }

    /// <summary>How every matching name begins.</summary>
    public string Prefix { get; }

    /// <returns>The captured texts by name; null where the name does not match.</returns>
    public Dictionary<string, object?>? Match(string name)
    {
        var match = _name.Match(name);
        if (!match.Success) return null;

        var values = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < _captures.Count; i++) values.Add(_captures[i], match.Groups[i + 1].Value);
        return values;
    }

    [GeneratedRegex(@"\{([A-Za-z_][A-Za-z0-9_]*)\}", RegexOptions.CultureInvariant)]
    private static partial Regex CapturePattern();
}
