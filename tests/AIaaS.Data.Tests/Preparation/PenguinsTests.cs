using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

/// <summary>
/// The sample of the repository. Figures are those published for the Palmer penguins (Horst, Hill and Gorman 2020, package
/// palmerpenguins): 344 birds, 152 Adelie, 124 Gentoo, 68 Chinstrap; 2 without measures, 11 without sex; mean body mass 4201.754 g.
/// </summary>
public sealed class PenguinsTests : PreparationTest
{
    [Fact]
    public void The_sample_is_prepared_as_it_was_published_and_its_species_is_the_target()
    {
        PreparationResult result = Prepare(Path.Combine(AppContext.BaseDirectory, "samples", "penguins.csv"));

        Assert.Equal((344, 344, 0), (result.Quality.RowsRead, result.Quality.RowsKept, result.Quality.RowsQuarantined));
        ColumnProfile Column(string name) => result.Profile.Columns.Single(column => column.Name == name);
        Assert.Equal(["Adelie 152", "Gentoo 124", "Chinstrap 68"], Column("species").TopValues!.Select(value => $"{value.Value} {value.Count}"));
        Assert.Equal((11, 2, 2), (Column("sex").Missing, Column("body_mass_g").Missing, Column("bill_length_mm").Missing));
        Assert.Equal(4201.754, Column("body_mass_g").Mean!.Value, 3);
        Assert.Equal(
            [ColumnKind.Category, ColumnKind.Category, ColumnKind.Number, ColumnKind.Number, ColumnKind.Integer, ColumnKind.Integer, ColumnKind.Category, ColumnKind.Integer],
            result.Schema.Columns.Select(column => column.Kind));

        TargetChoice choice = TargetInference.Choose(result.Schema, result.Profile);
        Assert.Equal(("species", LearningTask.Classification), (choice.Target, choice.Task));
    }
}
