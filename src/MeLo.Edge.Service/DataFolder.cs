using System.Text.RegularExpressions;

namespace MeLo.Edge.Service;

/// <summary>The folders of one installation, all below one data folder and on one file system.</summary>
internal sealed partial class DataFolder(string root)
{
    /// <summary>The folder in a task's inbox whose images are urgent.</summary>
    public const string StatName = "stat";

    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>The base package.</summary>
    public string Base => Path.Combine(Root, "base");

    /// <summary>Public keys or CA certificates whose signatures are accepted.</summary>
    public string Trust => Path.Combine(Root, "trust");

    /// <summary>The installed set of bundles.</summary>
    public string Bundles => Path.Combine(Root, "bundles");

    /// <summary>Refused bundles, each with its reason.</summary>
    public string Rejected => Path.Combine(Bundles, "rejected");

    /// <summary>Where images are dropped, one folder a task.</summary>
    public string Inbox => Path.Combine(Root, "inbox");

    public string Outbox => Path.Combine(Root, "outbox");

    public string Processed => Path.Combine(Root, "processed");

    public string Quarantine => Path.Combine(Root, "quarantine");

    /// <summary>The journal, the lock, and the very bytes of every bundle that was loaded.</summary>
    public string State => Path.Combine(Root, "state");

    public string LoadedBundles => Path.Combine(State, "bundles");

    public string Journal => Path.Combine(State, "melo.db");

    /// <summary>Makes every folder that is not there, except the base package, which only an administrator can provide.</summary>
    public void Create()
    {
        foreach (string folder in (string[])[Trust, Bundles, Rejected, Inbox, Outbox, Processed, Quarantine, LoadedBundles])
            Directory.CreateDirectory(folder);
    }

    /// <summary>The folders of a task that is installed, so that people see where to drop its images.</summary>
    public void CreateTask(string task)
    {
        string inbox = Path.Combine(Inbox, task), stat = Path.Combine(inbox, StatName);
        // The inbox comes after the outbox: whoever sees it can drop an image and look for the result.
        Directory.CreateDirectory(Path.Combine(Outbox, task));
        Directory.CreateDirectory(inbox);
        // What else has that name, even a link to nowhere, is the user's: then the task has no folder for urgent images.
        if (!File.Exists(stat) && new FileInfo(stat).LinkTarget is null) Directory.CreateDirectory(stat);
    }

    /// <summary>Whether a folder of this name below <see cref="Inbox"/> can be a task's.</summary>
    public static bool IsTaskName(string name) => TaskName().IsMatch(name);

    [GeneratedRegex("^[a-z0-9][a-z0-9._-]{0,62}\\z")]
    private static partial Regex TaskName();
}
