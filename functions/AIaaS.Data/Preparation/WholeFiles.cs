namespace AIaaS.Data.Preparation;

internal static class WholeFiles
{
    /// <summary>Moves finished files into a folder, each appearing whole under its name, in the order given.</summary>
    public static void Move(string from, string to, IReadOnlyList<string> names)
    {
        Directory.CreateDirectory(to);
        foreach (string name in names)
        {
            // The folders may be on different disks, where a move is a copy: rename only once it is all there.
            string temporary = Path.Combine(to, $".{name}.{Guid.NewGuid():N}.tmp");
            File.Move(Path.Combine(from, name), temporary);
            File.Move(temporary, Path.Combine(to, name), overwrite: true);
        }
    }
}
