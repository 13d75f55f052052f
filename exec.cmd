@rem `npm run coffer` is `exec node …`, so that no shell stands between npm and Coffer: a shell keeps signals to itself
@rem and reports a Ctrl-C as its own death. Windows has no exec; this stands in for it there.
@%*
