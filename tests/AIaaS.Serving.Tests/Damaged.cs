namespace AIaaS.Serving.Tests;

internal static class Damaged
{
    /// <summary>Copies a file and overwrites up to so many of its bytes.</summary>
    public static byte[] Copy(byte[] file, Random random, int mostEdits)
    {
        var copy = (byte[])file.Clone();
        for (var edits = 1 + random.Next(mostEdits); edits > 0; edits--)
            copy[random.Next(copy.Length)] = (byte)random.Next(256);
        return copy;
    }
}
