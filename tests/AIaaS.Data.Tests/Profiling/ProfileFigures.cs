using System.Text.Json;

namespace AIaaS.Data.Tests.Profiling;

/// <summary>Figures that numpy, pandas and scipy gave, recorded by <c>tests/oracles/profile_and_drift.py</c>.</summary>
internal static class ProfileFigures
{
    public static string Baseline => Path.Combine(AppContext.BaseDirectory, "oracles", "profile-baseline.csv");

    public static string Current => Path.Combine(AppContext.BaseDirectory, "oracles", "profile-current.csv");

    public static JsonElement Read(params string[] path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "oracles", "profile-figures.json")));
        JsonElement element = document.RootElement;
        foreach (string name in path)
            element = element.GetProperty(name);
        return element.Clone();
    }

    public static double Number(params string[] path) => Read(path).GetDouble();
}
