using System.Text.Json;
using AIaaS.Data.Preparation;
using AIaaS.Data.Tests.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Validation;

/// <summary>Two versions of a data set, the second held against the first and its contract.</summary>
public abstract class VersionsTest : PreparationTest
{
    private protected string FirstFolder => Folder["first"];

    private protected string SecondFolder => Folder["second"];

    private protected PreparationResult First(string csv, PrepareParameters? parameters = null) =>
        Prepare(Folder.Write("first.csv", csv), parameters ?? new PrepareParameters(), FirstFolder, baseline: null);

    /// <summary>With the contract of the first version unless the parameters have one.</summary>
    private protected PreparationResult Second(string csv, PrepareParameters? parameters = null)
    {
        parameters ??= new PrepareParameters();
        var contract = JsonSerializer.Deserialize<DataContract>(File.ReadAllBytes(Path.Combine(FirstFolder, DataContract.FileName)), JsonDefaults.Options);
        return Prepare(Folder.Write("second.csv", csv), parameters with { Contract = parameters.Contract ?? contract }, SecondFolder, BaselineOf(FirstFolder));
    }

    private protected static PreparationResult Prepare(string path, PrepareParameters parameters, string output, PreparationBaseline? baseline) =>
        new DatasetPreparation().Prepare([new DatasetSource(path)], parameters, output, baseline);

    private protected static PreparationBaseline BaselineOf(string folder) => new(
        1, Path.Combine(folder, PreparedDataset.DataFileName), Path.Combine(folder, DataSchema.FileName), Path.Combine(folder, DataProfile.FileName));

    private protected static PrepareParameters With(ValidationPlan plan) => new() { Validate = plan };

    private protected static string Csv(string header, int rows, Func<int, string> row) =>
        header + "\n" + string.Concat(Enumerable.Range(0, rows).Select(i => FormattableString.Invariant($"{row(i)}\n")));
}
