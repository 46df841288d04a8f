using System.Text;

namespace AIaaS.Platform.Storage;

/// <summary>Which names a file object store takes, so that none of them leads out of its container or is never listed.</summary>
internal static class ObjectNames
{
    // The name of the metadata file beside an object is 5 bytes longer, and file systems stop at 255.
    private const int MaximumSegmentBytes = 250;
    private const int MaximumNameLength = 1024;

    private static readonly string[] WindowsDevices = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

    /// <exception cref="ArgumentException">The container's name is out of pattern.</exception>
    public static void RequireContainer(string container)
    {
        if (container is not { Length: >= 3 and <= 63 } || !container.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
        {
            throw new ArgumentException($"'{container}' is no container name: 3 to 63 characters of a-z, 0-9 and '-'.", nameof(container));
        }
    }

    /// <exception cref="ArgumentException">The container or the name is unacceptable.</exception>
    public static void Require(ObjectPath path)
    {
        RequireContainer(path.Container);
        if (path.Name is not { Length: > 0 and <= MaximumNameLength } name)
        {
            throw new ArgumentException($"An object's name has 1 to {MaximumNameLength} characters.", nameof(path));
        }

        if (!name.Split('/').All(IsSegment) || IsPartial(name))
        {
            throw new ArgumentException(
                $"'{path}' is no object name: its segments must not be empty, begin with '.', hold a backslash or control character, or end in '.part' or '.tmp'.",
                nameof(path));
        }
    }

    /// <summary>Checks the folders of a prefix; what follows the last '/' only filters names.</summary>
    /// <exception cref="ArgumentException">A folder of the prefix is unacceptable.</exception>
    public static void RequirePrefix(string prefix)
    {
        var end = prefix.LastIndexOf('/');
        if (end >= 0 && (prefix.Length > MaximumNameLength || !prefix[..end].Split('/').All(IsSegment)))
        {
            throw new ArgumentException($"'{prefix}' is no prefix of object names.", nameof(prefix));
        }
    }

    /// <summary>Half-written by somebody's convention.</summary>
    public static bool IsPartial(ReadOnlySpan<char> name) =>
        name.EndsWith(".part", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".tmp", StringComparison.OrdinalIgnoreCase);

    public static bool IsSegment(string segment)
    {
        if (segment.Length == 0 || segment[0] == '.' || segment.Contains('\\') || segment.Any(char.IsControl))
        {
            return false;
        }

        if (segment.Length >= 2 && segment[1] == ':' && char.IsAsciiLetter(segment[0]))
        {
            return false;
        }

        return Encoding.UTF8.GetByteCount(segment) <= MaximumSegmentBytes && (!OperatingSystem.IsWindows() || IsWindowsSegment(segment));
    }

    private static bool IsWindowsSegment(string segment)
    {
        var stem = segment.Split('.')[0].TrimEnd();
        return segment.IndexOfAny(Path.GetInvalidFileNameChars()) < 0
            && segment[^1] is not ('.' or ' ')
            && !WindowsDevices.Contains(stem, StringComparer.OrdinalIgnoreCase)
            && !(stem.Length == 4 && char.IsAsciiDigit(stem[3])
                && (stem.StartsWith("COM", StringComparison.OrdinalIgnoreCase) || stem.StartsWith("LPT", StringComparison.OrdinalIgnoreCase)));
    }
}
