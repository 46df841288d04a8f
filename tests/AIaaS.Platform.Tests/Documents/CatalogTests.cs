using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Tests.Documents;

public sealed class CatalogTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DocumentKind<Counter> Kind = new("counters", "counter", counter => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(counter.Created),
        ["parity"] = counter.Value % 2 == 0 ? "even" : "odd",
    });

    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly Catalog _catalog;

    public CatalogTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _catalog = new Catalog(_store, TimeProvider.System);
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task What_was_created_is_found_with_its_etag()
    {
        var created = await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(7, Start), default);

        var found = await _catalog.GetAsync(Kind, "t", "a", default);

        Assert.Equal(created, found);
    }

    [Fact]
    public async Task Of_many_creators_one_wins()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 16)
            .Select(i => Task.Run(() => _catalog.TryCreateAsync(Kind, "t", "a", new Counter(i, Start), default))));

        var winner = Assert.Single(results, result => result is not null);
        Assert.Equal(winner, await _catalog.GetAsync(Kind, "t", "a", default));
    }

    [Fact]
    public async Task No_update_is_lost_among_many_writers()
    {
        const int Writers = 8;
        const int Each = 25;
        await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(0, Start), default);

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < Each; i++)
            {
                await _catalog.UpdateAsync(Kind, "t", "a", counter => counter with { Value = counter.Value + 1 }, default);
            }
        })));

        Assert.Equal(Writers * Each, (await _catalog.GetAsync(Kind, "t", "a", default)).Value.Value);
    }

    [Fact]
    public async Task Giving_back_the_same_instance_writes_nothing()
    {
        var created = await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(7, Start), default);

        var updated = await _catalog.UpdateAsync(Kind, "t", "a", counter => counter, default);

        Assert.Equal(created!.ETag, updated.ETag);
    }

    [Fact]
    public async Task Tenants_do_not_see_each_other()
    {
        await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(7, Start), default);

        Assert.Null(await _catalog.FindAsync(Kind, "u", "a", default));
        Assert.Empty((await _catalog.ListAsync(Kind, "u", new DocumentQuery(), default)).Items);
    }

    [Fact]
    public async Task What_is_absent_is_a_not_found_problem_that_names_it()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _catalog.GetAsync(Kind, "t", "ghost", default));

        Assert.Equal(Problem.NotFound, refusal.Problem);
        Assert.Contains("counter 'ghost'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Updating_what_is_absent_is_not_found_and_makes_nothing()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _catalog.UpdateAsync(Kind, "t", "ghost", counter => counter, default));

        Assert.Equal(Problem.NotFound, refusal.Problem);
        Assert.Null(await _catalog.FindAsync(Kind, "t", "ghost", default));
    }

    [Fact]
    public async Task A_damaged_document_is_our_fault_and_not_a_json_error_of_the_caller()
    {
        await _store.WriteAsync(Kind.PathOf("t", "a"), new MemoryStream("{\"value\":"u8.ToArray()), null, default);

        await Assert.ThrowsAsync<InvalidDataException>(() => _catalog.FindAsync(Kind, "t", "a", default));
    }

    [Theory]
    [InlineData(true, "stale", false, false)]
    [InlineData(false, "any", false, false)]
    [InlineData(false, null, true, false)]
    [InlineData(true, null, false, true)]
    public async Task A_put_whose_condition_does_not_hold_changes_nothing(bool exists, string? ifMatch, bool mustExist, bool ifAbsent)
    {
        var before = exists ? await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(1, Start), default) : null;

        var refusal = await Assert.ThrowsAsync<ProblemException>(
            () => _catalog.PutAsync(Kind, "t", "a", _ => new Counter(2, Start), new WriteConditions(ifMatch, mustExist, ifAbsent), default));

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
        Assert.Equal(before, await _catalog.FindAsync(Kind, "t", "a", default));
    }

    [Fact]
    public async Task A_put_tells_whether_it_created_and_holds_its_conditions()
    {
        var first = await _catalog.PutAsync(Kind, "t", "a", _ => new Counter(1, Start), new WriteConditions(IfAbsent: true), default);
        var second = await _catalog.PutAsync(
            Kind, "t", "a", current => current! with { Value = 2 }, new WriteConditions(IfMatch: first.Document.ETag), default);
        var third = await _catalog.PutAsync(Kind, "t", "a", current => current! with { Value = 3 }, new WriteConditions(MustExist: true), default);

        Assert.Equal([true, false, false], new[] { first.Created, second.Created, third.Created });
        Assert.Equal(third.Document, await _catalog.GetAsync(Kind, "t", "a", default));
    }

    [Fact]
    public async Task Of_two_puts_on_one_etag_one_fails()
    {
        var first = await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(1, Start), default);
        async Task<bool> PutAsync(int value)
        {
            try
            {
                await _catalog.PutAsync(Kind, "t", "a", _ => new Counter(value, Start), new WriteConditions(IfMatch: first!.ETag), default);
                return true;
            }
            catch (ProblemException refusal) when (refusal.Problem == Problem.PreconditionFailed)
            {
                return false;
            }
        }

        var outcomes = await Task.WhenAll(Task.Run(() => PutAsync(2)), Task.Run(() => PutAsync(3)));

        Assert.Single(outcomes, outcome => outcome);
    }

    [Fact]
    public async Task Deleting_on_a_stale_etag_is_refused()
    {
        await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(1, Start), default);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _catalog.DeleteAsync(Kind, "t", "a", "stale", default));

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
    }

    [Fact]
    public async Task Deleting_tells_whether_there_was_anything()
    {
        var created = await _catalog.TryCreateAsync(Kind, "t", "a", new Counter(1, Start), default);

        Assert.True(await _catalog.DeleteAsync(Kind, "t", "a", created!.ETag, default));
        Assert.False(await _catalog.DeleteAsync(Kind, "t", "a", null, default));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(10)]
    [InlineData(11)]
    public async Task Pages_follow_each_other_newest_first_without_gaps_or_repetitions(int limit)
    {
        await CreateManyAsync(10);

        var listed = new List<int>();
        string? continuation = null;
        do
        {
            var page = await _catalog.ListAsync(Kind, "t", new DocumentQuery { Limit = limit, Continuation = continuation }, default);
            Assert.InRange(page.Items.Count, 1, limit);
            listed.AddRange(page.Items.Select(item => item.Value.Value));
            continuation = page.Continuation;
        }
        while (continuation is not null && listed.Count <= 10);

        Assert.Equal(Enumerable.Range(0, 10).Reverse(), listed);
    }

    [Fact]
    public async Task Entries_of_one_instant_are_paged_without_gaps()
    {
        for (var i = 0; i < 5; i++)
        {
            await _catalog.TryCreateAsync(Kind, "t", $"n{i}", new Counter(i, Start), default);
        }

        var first = await _catalog.ListAsync(Kind, "t", new DocumentQuery { Limit = 2 }, default);
        var rest = await _catalog.ListAsync(Kind, "t", new DocumentQuery { Continuation = first.Continuation }, default);

        Assert.Equal(["n4", "n3", "n2", "n1", "n0"], first.Items.Concat(rest.Items).Select(item => item.Name));
    }

    [Fact]
    public async Task An_entry_made_between_two_pages_does_not_disturb_the_second()
    {
        await CreateManyAsync(4);
        var first = await _catalog.ListAsync(Kind, "t", new DocumentQuery { Limit = 2 }, default);
        await _catalog.TryCreateAsync(Kind, "t", "newer", new Counter(99, Start.AddDays(1)), default);

        var second = await _catalog.ListAsync(Kind, "t", new DocumentQuery { Limit = 2, Continuation = first.Continuation }, default);

        Assert.Equal([1, 0], second.Items.Select(item => item.Value.Value));
    }

    [Fact]
    public async Task A_filter_over_metadata_fills_its_pages()
    {
        await CreateManyAsync(10);
        var query = new DocumentQuery { Limit = 3, Where = header => header.Metadata["parity"] == "even" };

        var first = await _catalog.ListAsync(Kind, "t", query, default);
        var second = await _catalog.ListAsync(Kind, "t", query with { Continuation = first.Continuation }, default);

        Assert.Equal([8, 6, 4], first.Items.Select(item => item.Value.Value));
        Assert.Equal([2, 0], second.Items.Select(item => item.Value.Value));
        Assert.Null(second.Continuation);
    }

    [Fact]
    public async Task A_prefix_lists_what_belongs_to_one_entry()
    {
        await _catalog.TryCreateAsync(Kind, "t", "m/1", new Counter(1, Start), default);
        await _catalog.TryCreateAsync(Kind, "t", "m2/1", new Counter(2, Start), default);

        var page = await _catalog.ListAsync(Kind, "t", new DocumentQuery { Prefix = "m/" }, default);

        Assert.Equal("m/1", Assert.Single(page.Items).Name);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(DocumentQuery.MaximumLimit + 1)]
    public async Task A_limit_out_of_range_is_refused(int limit)
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _catalog.ListAsync(Kind, "t", new DocumentQuery { Limit = limit }, default));

        Assert.Equal("limit", refusal.Field);
    }

    [Theory]
    [InlineData("%%%")]
    [InlineData("abc")]
    [InlineData("bm8gdGltZSBoZXJl")]
    public async Task A_continuation_of_nobody_is_refused(string continuation)
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(
            () => _catalog.ListAsync(Kind, "t", new DocumentQuery { Continuation = continuation }, default));

        Assert.Equal("continuation", refusal.Field);
    }

    private async Task CreateManyAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            // Names in another order than times, so that one is not mistaken for the other.
            await _catalog.TryCreateAsync(Kind, "t", $"n{i * 7 % count}", new Counter(i, Start.AddMinutes(i)), default);
        }
    }

    private sealed record Counter(int Value, DateTimeOffset Created);
}
