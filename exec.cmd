@rem `npm start` says "exec", so that no shell stands between npm and the service. The shell of Windows lacks that word.
@%*
