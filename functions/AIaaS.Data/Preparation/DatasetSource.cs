namespace AIaaS.Data.Preparation;

/// <summary>A local file that is part of a data set.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="Name">Its name for people and for its extension, for instance <c>penguins.csv</c>, when the local name says less.</param>
public sealed record DatasetSource(string Path, string? Name = null)
{
    public string Name { get; init; } = Name ?? System.IO.Path.GetFileName(Path);
}
