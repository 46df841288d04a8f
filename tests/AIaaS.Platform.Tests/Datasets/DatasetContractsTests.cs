using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Platform.Tests.Runs;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Datasets;

public sealed class DatasetContractsTests : IDisposable
{
    private static readonly DataContract Contract = new() { Columns = [new ColumnContract { Name = "age" }] };

    private readonly RunWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task A_contract_can_be_put_before_there_is_data()
    {
        Assert.True((await _world.Contracts.PutAsync(Tenant, "people", Contract, new WriteConditions(IfAbsent: true), default)).Created);

        Assert.Equal("age", Assert.Single((await _world.Contracts.GetAsync(Tenant, "people", default)).Value.Contract.Columns).Name);
    }

    [Fact]
    public async Task Each_change_is_another_revision()
    {
        await _world.Contracts.PutAsync(Tenant, "people", Contract, default, default);

        Assert.Equal(2, (await _world.Contracts.PutAsync(Tenant, "people", Contract, default, default)).Document.Value.Revision);
    }

    [Fact]
    public async Task A_change_of_what_somebody_else_has_changed_is_refused()
    {
        var first = await _world.Contracts.PutAsync(Tenant, "people", Contract, default, default);
        await _world.Contracts.PutAsync(Tenant, "people", Contract, default, default);

        var refusal = await Assert.ThrowsAsync<ProblemException>(
            () => _world.Contracts.PutAsync(Tenant, "people", Contract, new WriteConditions(IfMatch: first.Document.ETag), default));

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
    }

    [Fact]
    public async Task What_is_learned_does_not_replace_what_somebody_wrote()
    {
        await _world.Contracts.PutAsync(Tenant, "people", Contract, default, default);

        await _world.Contracts.LearnAsync(Tenant, "people", 1, Contract with { Closed = true }, default);

        Assert.False((await _world.Contracts.GetAsync(Tenant, "people", default)).Value.Contract.Closed);
    }

    [Fact]
    public async Task A_contract_that_is_removed_is_learned_anew()
    {
        await _world.Contracts.PutAsync(Tenant, "people", Contract, default, default);
        await _world.Contracts.DeleteAsync(Tenant, "people", ifMatch: null, default);

        await _world.Contracts.LearnAsync(Tenant, "people", 4, Contract, default);

        Assert.Equal(4, (await _world.Contracts.GetAsync(Tenant, "people", default)).Value.LearnedFrom);
    }

    [Theory]
    [InlineData("""{"columns":[]}""", "columns")]
    [InlineData("""{"columns":[{"name":""}]}""", "columns[0].name")]
    [InlineData("""{"columns":[{"name":"a"},{"name":"a"}]}""", "columns[1].name")]
    [InlineData("""{"columns":[{"name":"a","maximumMissing":1.5}]}""", "columns[0].maximumMissing")]
    [InlineData("""{"columns":[{"name":"a","minimum":"soon"}]}""", "columns[0].minimum")]
    [InlineData("""{"columns":[{"name":"a","minimum":2,"maximum":1}]}""", "columns[0].maximum")]
    [InlineData("""{"columns":[{"name":"a","minimum":2,"maximum":"2024-01-01T00:00:00Z"}]}""", "columns[0].maximum")]
    [InlineData("""{"columns":[{"name":"a","allowedValues":[]}]}""", "columns[0].allowedValues")]
    [InlineData("""{"columns":[{"name":"a"}],"uniqueKey":["b"]}""", "uniqueKey")]
    [InlineData("""{"columns":[{"name":"a"}],"schemaVersion":2}""", "schemaVersion")]
    public async Task A_contract_that_promises_nonsense_is_refused_by_its_field(string text, string field)
    {
        var contract = JsonBody.Parse<DataContract>(System.Text.Encoding.UTF8.GetBytes(text));

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Contracts.PutAsync(Tenant, "people", contract, default, default));

        Assert.Equal((Problem.InvalidValue, field), (refusal.Problem, refusal.Field));
    }

    [Fact]
    public void A_contract_is_read_as_it_is_written()
    {
        var contract = new DataContract
        {
            Columns =
            [
                new ColumnContract { Name = "age", Kind = ColumnKind.Integer, Minimum = JsonSerializer.SerializeToElement(0), Maximum = JsonSerializer.SerializeToElement(150) },
                new ColumnContract { Name = "sex", Required = false, AllowedValues = ["f", "m"], MaximumMissing = 0.1, Unique = false },
            ],
            UniqueKey = ["age", "sex"],
        };
        var written = JsonSerializer.SerializeToUtf8Bytes(contract, JsonDefaults.Options);

        Assert.Equal(written, JsonSerializer.SerializeToUtf8Bytes(JsonBody.Parse<DataContract>(written), JsonDefaults.Options));
    }

    [Fact]
    public async Task A_tenants_salt_is_made_once_and_is_its_own()
    {
        var salts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => new TenantSalts(_world.Catalog).GetAsync(Tenant, default)));

        Assert.Equal(32, Convert.FromBase64String(Assert.Single(salts.Distinct())).Length);
        Assert.NotEqual(salts[0], await new TenantSalts(_world.Catalog).GetAsync("other", default));
    }
}
