using System.Text;
using System.Text.Json;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

/// <summary>A folder to prepare in, and the reading back of what was written.</summary>
public abstract class PreparationTest : IDisposable
{
    private protected TemporaryFolder Folder { get; } = new();

    private protected string Output => Folder["out"];

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected PreparationResult Prepare(params string[] paths) => PrepareWith(new PrepareParameters(), paths);

    private protected PreparationResult PrepareWith(PrepareParameters parameters, params string[] paths) =>
        new DatasetPreparation().Prepare([.. paths.Select(path => new DatasetSource(path))], parameters, Output);

    private protected PreparationResult PrepareText(string text, string name = "data.csv", Encoding? encoding = null) =>
        Prepare(Folder.Write(name, text, encoding));

    private protected string[] Texts(string column)
    {
        using PreparedDataset data = PreparedDataset.Open(Output);
        return data.ReadTexts(column);
    }

    private protected float[] Numbers(string column)
    {
        using PreparedDataset data = PreparedDataset.Open(Output);
        return data.ReadNumbers(column);
    }

    private protected IReadOnlyList<QuarantinedRow> Quarantined() =>
    [
        .. File.ReadLines(Path.Combine(Output, QuarantinedRow.FileName))
            .Select(line => JsonSerializer.Deserialize<QuarantinedRow>(line, JsonDefaults.Options)!),
    ];

    private protected DatasetException Refused(string path) => Assert.Throws<DatasetException>(() => Prepare(path));
}
