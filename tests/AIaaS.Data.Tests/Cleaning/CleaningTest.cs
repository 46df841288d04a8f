using AIaaS.Data.Preparation;
using AIaaS.Data.Tests.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Cleaning;

/// <summary>Prepares a small table under a plan.</summary>
public abstract class CleaningTest : PreparationTest
{
    private protected PreparationResult Clean(CleaningPlan plan, string csv, string? target = null, string? salt = null) =>
        PrepareWith(new PrepareParameters { Clean = plan, Target = target, MaskSalt = salt }, Folder.Write("data.csv", csv));

    private protected PreparationResult CleanJson(CleaningPlan plan, string json) =>
        PrepareWith(new PrepareParameters { Clean = plan }, Folder.Write("data.json", json));

    private protected DatasetException RefusedBy(CleaningPlan plan, string csv, string? target = null, string? salt = null) =>
        Assert.Throws<DatasetException>(() => Clean(plan, csv, target, salt));

    private protected static CleaningStep Step(PreparationResult result, string name) => Assert.Single(result.Quality.Steps, step => step.Name == name);

    private protected static string[] Names(PreparationResult result) => [.. result.Schema.Columns.Select(column => column.Name)];
}
